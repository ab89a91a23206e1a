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

from tests.unit.fresh import FreshTestCase
from tests.unit.litter import LITTER


class StackTest(FreshTestCase):
    def test_threads_go_on_meanwhile(self):
        # Going from frame to frame in Python crashes Python 3.11 in the
        # first turns.
        self.assert_ok(
            f'''{LITTER}
from osdbg import frames
frames.protect()
begin(threshold=10)
for _ in range(300):
    for top in frames.current().values():
        frames.stack(top, 100)
        frames.variables(top)
    time.sleep(0.001)
print('OK', flush=True)
os._exit(0)
'''
        )
