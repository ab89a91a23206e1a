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

"""What the tests of all real services share."""

import os
import pathlib
import re
import shutil

from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import Process
from tests.openstack import venvs

WORKERS = 2
# How much longer than without osdbg a service may take to stop, in seconds;
# uWSGI looks at its workers once a second, and needs from one look to three.
STOP_MARGIN = 5
BAD_LEVELS = ('WARNING', 'ERROR', 'CRITICAL')
OSLO_LINE = re.compile(
    r'\d{4}-\d\d-\d\d [\d:.]+ \d+ (?P<level>[A-Z]+) (?P<rest>.*)'
)
SUSPICIOUS = re.compile('warning|error|critical|traceback|exception', re.I)


def complaints(log):
    """Return the warnings and errors in ``log``, without what varies."""
    found = set()
    for line in log.splitlines():
        match = OSLO_LINE.match(line)
        if match and match['level'] in BAD_LEVELS:
            found.add(_invariant(f'{match["level"]} {match["rest"]}'))
        elif not match and SUSPICIOUS.search(line):
            found.add(_invariant(line))
    return found


def _invariant(text):
    text = re.sub(r'\[[^][]*(req-|-)[^][]*\]', '[context]', text)
    text = re.sub(r'0x[0-9a-f]+', 'ADDRESS', text)
    text = re.sub(r'/tmp/osdbg-test-\w+', 'DIRECTORY', text)
    return re.sub(r'\d+', 'N', text)


def line_with(path, code):
    """Return the number of the one line of ``path`` that is ``code``."""
    lines = pathlib.Path(path).read_text().splitlines()
    (found,) = (
        number for number, line in enumerate(lines, 1) if line.strip() == code
    )
    return found


class Ending:
    """How a service ended and what it had complained of."""

    def __init__(self, service):
        self.code, self.seconds = service.stop()
        service.wait_end_of_log()
        self.complaints = complaints(service.log)


class OpenStackProcess(Process):
    """A service, or a program that uses its libraries."""

    def wait_end_of_log(self):
        self._reader.join(5)


class OpenStackTestCase(FunctionalTestCase):
    """A test in which osdbg is installed, not on the path."""

    VENV = ''

    def _environ(self):
        environ = super()._environ()
        del environ['PYTHONPATH']
        programs = os.path.dirname(self.program('python'))
        environ['PATH'] = f'{programs}{os.pathsep}{environ["PATH"]}'
        return environ

    @classmethod
    def program(cls, name):
        """Return the path of a program of the service's environment."""
        return str(venvs.require(cls.VENV) / 'bin' / name)

    @classmethod
    def module(cls, name):
        """Return the path of a module of the service, not importing it."""
        (found,) = venvs.require(cls.VENV).glob(
            f'lib/python3.*/site-packages/{name}'
        )
        return str(found)

    def copy_state(self, prepare):
        """Return a directory of this test with a fresh data base in it."""
        state = pathlib.Path(self.directory) / 'state'
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(venvs.prepared(self.VENV, prepare), state)
        return state

    def start(self, process):
        self.processes.append(process)
        return process

    def assert_ended_like(self, plain, armed):
        """Compare an :class:`Ending` with one of a run without osdbg."""
        self.assertEqual(plain.code, armed.code)
        # How busy the machine is shows in both.
        self.assertLess(armed.seconds, 2 * plain.seconds + STOP_MARGIN)
        self.assertEqual(set(), armed.complaints - plain.complaints)
