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

"""Where ``osdbg attach`` goes, and what it keeps."""

import json
import os
import unittest

from osdbg.cli import attach
from osdbg.cli import history


class AddressTest(unittest.TestCase):
    def test_addresses(self):
        for text, host, port in (
            ('4444', '127.0.0.1', 4444),
            (':4444', '127.0.0.1', 4444),
            ('localhost:4444', 'localhost', 4444),
            ('[::1]:4444', '::1', 4444),
            ('unix:/run/debug', 'unix:/run/debug', 0),
            ('unix:@debug:1', 'unix:@debug:1', 0),
        ):
            with self.subTest(text):
                self.assertEqual((host, port), attach.read_address(text))

    def test_names_of_services(self):
        for text in ('', 'nova', 'nova/1', 'localhost:', 'a:b', ':', '99999'):
            with self.subTest(text):
                self.assertIsNone(attach.read_address(text))


class IdeTest(unittest.TestCase):
    def tell(self, **more):
        process = {'name': 'api', 'host': '127.0.0.1', 'port': 5678, **more}
        return attach.tell_ide(process)

    def test_what_to_paste(self):
        for dials, way in ((False, 'connect'), (True, 'listen')):
            text = self.tell(protocol='dap', dials=dials)
            pasted = json.loads(text[text.index('{') :])
            self.assertEqual(
                {'host': '127.0.0.1', 'port': 5678}, pasted[way], text
            )
            self.assertEqual('attach', pasted['request'])

    def test_how_to_get_there(self):
        for more, way in (
            ({'host': 'unix:/x', 'port': 0}, 'type ssh -L 5678:/x HOST, and'),
            ({'tls': True}, 'type osdbg bridge --connect HOST:5678 --cert'),
        ):
            text = self.tell(protocol='dap', dials=False, **more)
            self.assertIn(way, text)
            pasted = json.loads(text[text.index('{') :])
            self.assertEqual(
                {'host': '127.0.0.1', 'port': 5678}, pasted['connect']
            )

    def test_a_debug_server(self):
        text = self.tell(protocol='pydevd', dials=True, backend='pydevd')
        self.assertIn('listen at 127.0.0.1:5678', text)


class HistoryTest(unittest.TestCase):
    def test_path(self):
        before = os.environ.pop('XDG_STATE_HOME', None)
        if before:
            self.addCleanup(os.environ.update, XDG_STATE_HOME=before)
        usual = os.path.expanduser('~/.local/state/osdbg/attach_history')
        self.assertEqual(usual, history.path())
        self.addCleanup(os.environ.pop, 'XDG_STATE_HOME', None)
        os.environ['XDG_STATE_HOME'] = '/var/state'
        self.assertEqual('/var/state/osdbg/attach_history', history.path())
        os.environ['XDG_STATE_HOME'] = 'relative'  # the standard: ignore it
        self.assertEqual(usual, history.path())
