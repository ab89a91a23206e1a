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

"""What one client has asked for is gone when the next one comes."""

import os

from tests.functional.harness import APP
from tests.functional.harness import line_of
from tests.functional.harness import over
from tests.functional.harness import spread
from tests.functional.one_service import OneServiceTestCase

ENGINES = ('eventlet', 'none')
ELSEWHERE = '/elsewhere'


@spread
class NextSessionTest(OneServiceTestCase):
    @over(ENGINES)
    def test_redirect_output(self, engine):
        (worker,) = self.start(engine)
        before = worker.state()
        client = self.attach(self.port, redirectOutput=True)
        worker.get('/features')
        client.root.wait_event('output', is_printed)
        client.detach()
        self.assert_undisturbed(worker, before)
        client = self.attach(self.port, 'handler')
        worker.get('/features')
        self.stop_and_go(client, worker)
        self.assertIsNone(client.root.take_event('output', is_printed))
        self.assertEqual(before['output'], worker.state()['output'])

    @over(ENGINES)
    def test_path_mappings(self, engine):
        (worker,) = self.start(engine)
        before = worker.state()
        there = {
            'localRoot': ELSEWHERE,
            'remoteRoot': os.path.dirname(APP),
        }
        client = self.client(self.port, pathMappings=[there])
        path = os.path.join(ELSEWHERE, os.path.basename(APP))
        client.break_at(path, line_of('handler'))
        client.attach()
        client.wait_pid(worker.pid)
        pending = worker.get_later('/work')
        self.assertEqual(path, client.wait_stopped().path)
        client.detach()
        self.assert_answered(pending)
        self.assert_undisturbed(worker, before)
        # Stops are in the file itself.
        self.attach_again(worker)


def is_printed(body):
    return 'total' in body['output']
