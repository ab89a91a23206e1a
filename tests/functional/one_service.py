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

"""One service, whose workers stop at the breakpoint of its handler."""

from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase


class OneServiceTestCase(FunctionalTestCase):
    def start(self, engine='eventlet', workers=1, **options):
        """Start the service; return its workers."""
        self.port = free_port()
        self.service = self.start_service(
            engine=engine, workers=workers, port=self.port, **options
        )
        return self.service.wait_workers(workers)

    def stop_in(self, client, worker):
        """Send ``worker`` a request and wait until it stops."""
        client.wait_pid(worker.pid)
        pending = worker.get_later('/work')
        stop = client.wait_stopped()
        self.assertEqual(worker.pid, stop.session.pid)
        self.assert_at(stop, 'handler')
        return pending, stop

    def stop_and_go(self, client, worker):
        pending, stop = self.stop_in(client, worker)
        stop.resume()
        self.assert_answered(pending, pid=worker.pid)

    def attach_again(self, worker, processes=1):
        """See that all is well: attach, stop, go on, detach."""
        client = self.attach(self.port, 'handler', processes=processes)
        self.stop_and_go(client, worker)
        client.detach()
