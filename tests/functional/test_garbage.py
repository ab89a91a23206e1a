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

"""All stand still if garbage is collected at the wrong moment (3.11)."""

from tests.functional.one_service import OneServiceTestCase
from tests.unit.litter import LITTER

BEGIN = 'os.register_at_fork(after_in_child=begin)'


class GarbageTest(OneServiceTestCase):
    def test_clients_come_and_go(self):
        self.run_first(f'{LITTER}\n{BEGIN}\n')
        (worker,) = self.start('none')
        for _ in range(5):
            self.attach_again(worker)
