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

"""Programs in interpreters of their own, where process state matters."""

import os
from pathlib import Path
import re
import subprocess
import sys
import textwrap
import unittest
import uuid

ROOT = Path(__file__).parents[2]
SECONDS = 60
# Python 3.14 itself has one.
EVENTLET_SAYS = re.compile(r'\d RLock\(s\) were not greened, .*\n')
TAKEN = ('OS_REMOTE_DEBUG', 'OSDBG', 'PYDEVD', 'DEBUGPY')


def environ(**more):
    """Return the environment of a program that has its own gateway."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(TAKEN)
    }
    path = [str(ROOT), *kept.get('PYTHONPATH', '').split(os.pathsep)]
    return {
        **kept,
        'PYTHONPATH': os.pathsep.join(filter(None, path)),
        'OSDBG_SOCKET': f'osdbg-unit-{uuid.uuid4().hex}',
        'OSDBG_GATEWAY_GRACE': '0.5',
        'PYTHONWARNINGS': 'ignore',  # eventlet's farewell
        **more,
    }


def run(program, *, cwd=None, **more):
    """Run a program to its end.

    :param more: goes into its environment
    """
    done = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(program)],
        cwd=cwd,
        env=environ(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    done.stderr = EVENTLET_SAYS.sub('', done.stderr)
    return done


class FreshTestCase(unittest.TestCase):
    """A test whose programs must say OK and nothing else."""

    def assert_ok(self, program, **more):
        done = run(program, **more)
        said = (done.returncode, done.stdout.strip(), done.stderr.strip())
        self.assertEqual((0, 'OK', ''), said, done.stderr)
