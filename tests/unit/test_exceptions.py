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

"""Every error says what was asked, what was found and what to type."""

import pickle
import sys
import unittest

from osdbg import exceptions

CASES = {
    exceptions.InvalidOption: (
        ('port', '99999', '/etc/nova/nova.conf', 'a port number'),
        '[remote_debug] port = 99999 (from /etc/nova/nova.conf) is not '
        'valid: expected a port number',
    ),
    exceptions.BackendLacks: (
        ('redirect_output', 'True', 'debugpy', ('pydevd',), 'ask the client'),
        '[remote_debug] redirect_output = True is beyond backend = debugpy: '
        'write backend = pydevd, or ask the client',
    ),
    exceptions.UnknownBackend: (
        ('gdb', ('debugpy', 'ptvsd')),
        '[remote_debug] backend = gdb is not known: write one of debugpy, '
        'ptvsd',
    ),
    exceptions.BackendNotInstalled: (
        ('debugpy', 'debugpy>=1.8.0'),
        f'[remote_debug] backend = debugpy is not installed in {sys.prefix}: '
        f"there, type: pip install 'debugpy>=1.8.0'",
    ),
    exceptions.GatewayUnavailable: (
        ('@osdbg-0', 'Connection refused'),
        'no osdbg gateway answers at @osdbg-0 (Connection refused): to see '
        'why, type: python -m osdbg.gateway',
    ),
    exceptions.UnknownOption: (
        ('prot', '/etc/nova/api-paste.ini', ('port', 'host')),
        '[remote_debug] prot (from /etc/nova/api-paste.ini) is not an option '
        'of osdbg: write one of port, host',
    ),
    exceptions.CannotRun: (
        ('nova-api', 'is no program on the PATH', 'type its full path'),
        'nova-api is no program on the PATH: type its full path',
    ),
}


class TestExceptions(unittest.TestCase):
    def test_messages(self):
        for error, (arguments, message) in CASES.items():
            with self.subTest(error.__name__):
                self.assertEqual(message, str(error(*arguments)))

    def test_attributes_survive_pickling(self):
        for error, (arguments, message) in CASES.items():
            with self.subTest(error.__name__):
                copy = pickle.loads(pickle.dumps(error(*arguments)))
                self.assertEqual(message, str(copy))
                self.assertEqual(list(arguments), list(vars(copy).values()))

    def test_every_error_has_a_case(self):
        children = set(exceptions.OsdbgError.__subclasses__())
        self.assertEqual(children, set(CASES))
