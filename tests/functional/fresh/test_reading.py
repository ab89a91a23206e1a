# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What a spawned worker goes by."""

from pathlib import Path
import subprocess
import sys
import tempfile

from tests.functional.fresh import armed
from tests.unit import fresh

HEIR = '''
import sys
from oslo_config import cfg
import osdbg

def report():
    print(osdbg.init(cfg.CONF).address, flush=True)
'''
SPAWN = '''
import multiprocessing, os
import heir
from osdbg import bootstrap
from osdbg import reading

class Bequest:
    def __reduce__(self):
        return inherit, (bootstrap.bequeath(None),)

def inherit(settings):
    if settings is not None:
        reading.inherit(settings)

def work(bequest):
    heir.report()

if __name__ == '__main__':
    from osdbg import sources
    sources.take_environ(os.environ)
    assert bootstrap.bequeath(None) is None, 'nobody is spawned'
    context = multiprocessing.get_context('spawn')
    child = context.Process(target=work, args=(Bequest(),))
    child.start()
    child.join()
'''


class TestInherit(armed.ArmedTestCase):
    """A spawned worker goes by what its launcher has read."""

    def test_in_a_spawned_process(self):
        on = self.environ()
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, 'heir.py').write_text(HEIR)
            program = Path(directory, 'program.py')
            program.write_text(SPAWN)
            done = subprocess.run(
                [sys.executable, str(program)],
                env=fresh.environ(**on),
                capture_output=True,
                text=True,
                timeout=fresh.SECONDS,
            )
        port = on['OS_REMOTE_DEBUG__PORT']
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertEqual(f'127.0.0.1:{port}\n', done.stdout)
