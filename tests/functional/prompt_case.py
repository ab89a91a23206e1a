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

"""A service whose breakpoints open prompts, and its terminals."""

from tests.functional import harness
from tests.functional.harness import free_port
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional import terminal

ENGINES = ('eventlet', 'thread_false', 'none', 'threading')
# A request that lets others run at each of its lines.
STEPS = """
def steps(query):
    breakpoint()
    time.sleep(0.2)
    time.sleep(0.2)
    time.sleep(0.2)
    time.sleep(0.2)
    time.sleep(0.2)
    time.sleep(0.2)
    time.sleep(0.2)
    return {'answer': 'stepped'}
ROUTES['/steps'] = steps
"""


class PromptTestCase(harness.FunctionalTestCase):
    """One service, with ``backend = remote_pdb``."""

    def serve(self, engine='eventlet', workers=1, **options):
        self.port = options.pop('port', None) or free_port()
        self.service = self.start_service(
            engine=engine,
            workers=workers,
            backend='remote_pdb',
            port=self.port,
            **options,
        )
        self.service.wait_log(r'breakpoint\(\) in .* opens a prompt at')
        self.workers = self.service.wait_workers(workers)
        return self.workers[0]

    def come(self, make=terminal.Socket, *args, **options):
        client = make(self.port, TIMEOUT, *args, **options)
        self.clients.append(client)
        return client

    def warm(self, worker):
        """Have one prompt, so that everything is loaded; return the state."""
        pending = worker.get_later('/breakpoint')
        client = self.prompt()
        client.type('c')
        client.expect_end()
        self.assert_answered(pending, answer='unchanged')
        return self.quiet(worker)

    def teach(self, worker, source):
        """Have the application learn a route; return the state."""
        pending = worker.get_later('/breakpoint')
        client = self.prompt()
        client.ask(f'!exec({source!r}, globals())')
        client.type('c')
        self.assert_answered(pending)
        return self.quiet(worker)

    def quiet(self, worker):
        """Return the state once the threads of former requests have ended."""
        counts = []

        def settled():
            counts.append(worker.state()['threads'])
            return len(counts) > 50 and len(set(counts[-25:])) == 1

        wait_until('quiet worker', settled)
        return worker.state()

    def call(self, worker):
        """Have a request wait for a terminal; return the request.

        While its agent looks for a new gateway, it goes on instead.
        """
        count = self.service.log.count('waits for a terminal')
        while True:
            pending = worker.get_later('/breakpoint')

            def waits():
                return self.service.log.count('waits for a terminal') > count

            wait_until('call', lambda: waits() or pending.done)
            if waits():
                return pending

    def prompt(self, make=terminal.Socket, *args, **options):
        client = self.come(make, *args, **options)
        client.expect()
        return client

    def assert_goes_on(self, worker, before, pending, answer='unchanged'):
        self.assert_answered(pending, answer=answer)
        self.assert_undisturbed(worker, before)
        self.assert_answered(worker.get_later('/work'), answer='unchanged')

    def order(self, command):
        """Run a command; who starts may not have said hello yet."""
        wait_until(
            f'osdbg {command}', lambda: not self.osdbg(command).returncode
        )
