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

"""What clients are told is what debugpy's adapter tells them."""

import json
import subprocess
import sys
import unittest

import debugpy

from osdbg.gateway import capabilities
from osdbg.gateway import dap
from tests.unit import fresh

INITIALIZE = {
    'seq': 1,
    'type': 'request',
    'command': 'initialize',
    'arguments': {'adapterID': 'debugpy', 'pathFormat': 'path'},
}


def of_the_adapter():
    """Ask the adapter that comes with debugpy."""
    with subprocess.Popen(
        [sys.executable, '-m', 'debugpy.adapter'],
        env=fresh.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as adapter:
        try:
            adapter.stdin.write(dap.encode(INITIALIZE))
            adapter.stdin.flush()
            while True:
                header = adapter.stdout.readline()
                adapter.stdout.readline()
                length = int(header.partition(b':')[2])
                message = json.loads(adapter.stdout.read(length))
                if message['type'] == 'response':
                    return message['body']
        finally:
            adapter.kill()


class TestCapabilities(unittest.TestCase):
    maxDiff = None

    def test_same_as_the_adapter(self):
        if tuple(map(int, debugpy.__version__.split('.'))) < (1, 8, 22):
            self.skipTest('written down from a newer debugpy')
        self.assertEqual(of_the_adapter(), capabilities.CAPABILITIES)
