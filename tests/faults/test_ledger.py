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

"""The judge of the fault suite lets nobody off who is guilty."""

import time
import unittest

from tests.faults.ledger import Ledger
from tests.faults.ledger import PATIENCE

WORKER, OTHER = 1, 2
CALLER = 12345


class TestLedger(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ledger = Ledger()
        self.now = time.monotonic()
        self.long_ago = self.now - PATIENCE - 1

    def assert_lost(self, count: int) -> None:
        self.assertEqual(count, len(self.ledger.lost), self.ledger.lost)

    def test_a_late_answer_is_a_lost_request(self) -> None:
        self.ledger.answered(WORKER, self.now - 1)
        self.assert_lost(0)
        self.ledger.answered(WORKER, self.long_ago)
        self.assert_lost(1)

    def test_a_stopped_worker_may_be_late_by_as_long(self) -> None:
        with self.ledger.away(WORKER):
            self.ledger._absences[WORKER][0][0] = self.now - 2
            self.ledger.answered(WORKER, self.long_ago)
            self.assert_lost(0)
            self.ledger.answered(WORKER, self.long_ago - 2)
            self.ledger.answered(OTHER, self.long_ago)
            self.assert_lost(2)

    def test_a_failure_is_a_lost_request(self) -> None:
        with self.ledger.away(WORKER):
            self.ledger.failed(WORKER, CALLER, self.now, 'reset')
        self.ledger.failed(None, CALLER, self.now, 'reset')
        self.assert_lost(2)

    def test_a_killed_worker_takes_with_it_what_it_had(self) -> None:
        self.ledger.ended(WORKER, {CALLER})
        self.ledger.failed(WORKER, CALLER + 1, self.now, 'reset')
        self.ledger.failed(None, CALLER, self.now, 'reset')
        self.assert_lost(0)
        self.ledger.failed(OTHER, CALLER + 1, self.now, 'reset')
        self.ledger.failed(None, CALLER + 1, self.now, 'reset')
        # Another connection, which has the number of that one.
        self.ledger.failed(None, CALLER, time.monotonic(), 'reset')
        self.assert_lost(3)

    def test_a_reload_excuses_only_what_it_meets(self) -> None:
        with self.ledger.turnover([WORKER]):
            self.ledger.failed(None, CALLER, self.now, 'reset')
            self.ledger.failed(OTHER, CALLER, self.now, 'reset')
        self.ledger.failed(None, CALLER, time.monotonic(), 'reset')
        self.assert_lost(2)
