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

"""How addresses are written, and how one gets there."""

import unittest

from osdbg import addresses


class TestAddresses(unittest.TestCase):
    def test_unix_names(self):
        for host, path, name in (
            ('unix:/run/debug', '/run/debug', '/run/debug'),
            ('unix:@debug', '', '\0debug'),
            ('unix:@a@b', '', '\0a@b'),
        ):
            self.assertEqual(path, addresses.unix_path(host))
            self.assertEqual(name, addresses.unix_name(host))

    def test_spell(self):
        for host, port, text in (
            ('127.0.0.1', 1, '127.0.0.1:1'),
            ('::1', 1, '[::1]:1'),
            ('unix:/a', 0, 'unix:/a'),
            ('unix:@a', None, 'unix:@a'),
        ):
            self.assertEqual(text, addresses.spell(host, port))

    def test_tunnels(self):
        bridge = 'osdbg bridge --connect'
        for host, port, tls, line in (
            ('127.0.0.1', 80, False, 'ssh -L 80:127.0.0.1:80 HOST'),
            ('unix:/a', None, False, 'ssh -L 5678:/a HOST'),
            (
                'unix:@a',
                None,
                False,
                f'ssh -L 5678:127.0.0.1:5678 HOST {bridge} unix:@a '
                f'--listen 127.0.0.1:5678',
            ),
            (
                '0.0.0.0',
                80,
                True,
                f'{bridge} HOST:80 --cert FILE --key FILE --ca FILE '
                f'--listen 127.0.0.1:80',
            ),
        ):
            self.assertEqual(line, addresses.tunnel(host, port, tls))
