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

import json
import subprocess
import sys
import unittest

from osdbg.doctor import mapping


def by_pydevd(local, pairs):
    """Return what pydevd makes of a path, in a process of its own."""
    code = (
        'import json, sys; import debugpy._vendored.force_pydevd; '
        'import pydevd_file_utils as files; '
        'local, pairs = json.loads(sys.argv[1]); '
        'files.setup_client_server_paths(pairs); '
        'print(files.map_file_to_server(local))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, json.dumps([local, pairs])],
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout.strip()


class TestTranslate(unittest.TestCase):
    """As pydevd itself does, whose own function is asked as well."""

    def translate(self, local, pairs, cwd='/run'):
        found = mapping.translate(local, pairs, cwd)
        if '.' not in [there for _, there in pairs]:
            self.assertEqual(by_pydevd(local, pairs), found)
        return found

    def test_slashes_come_first(self):
        pairs = [('/src/nova', '/opt/nova'), ('/src/', '/lib/')]
        for local, remote in (
            ('/src/nova/x.py', '/opt/nova/x.py'),
            ('/src/novaclient/x.py', '/lib/novaclient/x.py'),
            ('/other/x.py', '/other/x.py'),
        ):
            self.assertEqual(remote, self.translate(local, pairs))

    def test_a_part_of_a_name(self):
        pairs = [('/src/nova', '/opt/nova')]
        found = self.translate('/src/novaclient/x.py', pairs)
        self.assertEqual('/opt/novaclient/x.py', found)
        pairs = [('/src/nova/', '/opt/nova/')]
        found = self.translate('/src/novaclient/x.py', pairs)
        self.assertEqual('/src/novaclient/x.py', found)

    def test_where_the_service_runs(self):
        found = self.translate('/src/x.py', [('/src', '.')])
        self.assertEqual('/run/x.py', found)
