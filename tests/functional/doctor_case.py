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

"""What the tests of ``osdbg doctor`` share."""

import json
import os
import pathlib
import sys

from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import Process


class DoctorTestCase(FunctionalTestCase):
    def doctor(self, *words):
        """Return what is found, by the name of the check."""
        done = self.osdbg('doctor', '--json', *map(str, words))
        self.assertEqual('', done.stderr)
        told = json.loads(done.stdout)
        found = {}
        for each in told['findings']:
            found.setdefault(each['check'], []).append(each)
        problems = [e for e in told['findings'] if e['level'] == 'problem']
        self.assertEqual(int(bool(problems)), done.returncode, told)
        self.told = told
        return found

    def find(self, name, *words):
        """Return the one finding of a check, which must be complete."""
        found = self.doctor(*words)
        self.assertIn(name, found, found)
        (finding,) = found[name]
        if finding['level'] != 'ok':
            self.assertTrue(finding['why'] and finding['type'], finding)
        return finding

    def assert_absent(self, name, *words):
        found = self.doctor(*words)
        self.assertNotIn(name, found, found)

    def assert_healthy(self, *words):
        found = self.doctor(*words)
        bad = [e for each in found.values() for e in each]
        self.assertEqual(
            [], [each for each in bad if each['level'] == 'problem']
        )
        return found

    def file(self, name, text):
        path = pathlib.Path(self.directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def play(self, *words, environ=None, say='READY'):
        """Start any program; it says when it is ready."""
        process = Process(
            list(map(str, words)),
            dict(self.environ, **(environ or {})),
            os.path.basename(str(words[0])),
        )
        self.processes.append(process)
        process.wait_log(say)
        return process

    def script(self, text, *flags, environ=None, arguments=(), name='svc.py'):
        """Run a script of Python that says READY."""
        path = self.file(name, text)
        return self.play(
            sys.executable, *flags, path, *arguments, environ=environ
        )
