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

"""Green threads that are parked while another is stopped."""

from tests.functional.harness import APP
from tests.functional.harness import wait_until
from tests.functional.one_service import OneServiceTestCase


class ParkedTestCase(OneServiceTestCase):
    def park(self, worker, *names):
        """Have requests wait in a worker; return them."""
        pending = {
            name: worker.get_later(f'/wait?name={name}') for name in names
        }
        wait_until('waiting requests', lambda: self.waiting(worker, names))
        return pending

    def waiting(self, worker, names):
        return set(names) <= set(worker.get('/gates')[1]['closed'])

    def release(self, worker, pending):
        """Open the gates, and see that everybody is answered."""
        for name, request in pending.items():
            worker.get(f'/gate?name={name}')
            self.assert_answered(request, name=name)


class ParkedTest(ParkedTestCase):
    def setUp(self):
        super().setUp()
        (self.worker,) = self.start()

    def listed(self, session, title):
        return [
            thread['id']
            for thread in session.threads()
            if thread['name'] == title
        ]

    def test_looked_into(self):
        pending = self.park(self.worker, 'a', 'b')
        client = self.attach(self.port, 'handler')
        session = client.root
        self.assertEqual([], self.listed(session, 'GET /wait'))
        work, stop = self.stop_in(client, self.worker)
        parked = self.listed(session, 'GET /wait')
        self.assertEqual(2, len(parked))
        seen = {self.look(session, thread) for thread in parked}
        self.assertEqual({"'a'", "'b'"}, seen)
        # As they were, and as the same threads, after a step.
        stop = stop.step()
        self.assertEqual(parked, self.listed(session, 'GET /wait'))
        while session.take_event('thread'):
            pass
        stop.resume()
        self.assert_answered(work, answer='unchanged')
        self.assertFalse(any(request.done for request in pending.values()))
        # It is told to ask again.
        session.wait_event('thread')
        self.assertEqual([], self.listed(session, 'GET /wait'))
        client.detach()
        self.release(self.worker, pending)

    def test_changed(self):
        pending = self.park(self.worker, 'a')
        client = self.attach(self.port, 'handler')
        work, stop = self.stop_in(client, self.worker)
        (thread,) = self.listed(client.root, 'GET /wait')
        frame = self.frame(client.root, thread)
        client.root.request(
            'setVariable',
            variablesReference=self.locals(client.root, frame),
            name='name',
            value="'changed'",
        )
        stop.resume()
        client.detach()
        self.assert_answered(work, answer='unchanged')
        self.worker.get('/gate?name=a')
        self.assert_answered(pending['a'], name='changed')

    def step_parked(self, command):
        """Step one that is parked, while another is stopped."""
        self.pending = {'a': self.worker.get_later('/poll?name=a')}
        wait_until('it to run', lambda: self.waiting(self.worker, 'a'))
        client = self.attach(self.port, 'handler', justMyCode=True)
        work, _ = self.stop_in(client, self.worker)
        (thread,) = self.listed(client.root, 'GET /poll')
        client.root.request(command, threadId=thread)
        client.clear_breakpoints(APP)
        return client, work

    def end(self, client, work):
        client.detach()
        self.assert_answered(work, answer='unchanged')
        self.release(self.worker, self.pending)

    def test_stepped_over(self):
        client, work = self.step_parked('next')
        self.assert_at(client.wait_stopped('step'), 'poll')
        self.end(client, work)

    def test_stepped_into(self):
        client, work = self.step_parked('stepIn')
        self.assert_at(client.wait_stopped('step'), 'poll')
        self.end(client, work)

    def test_stepped_out(self):
        client, work = self.step_parked('stepOut')
        # Everybody goes on, and that one to its end.
        self.assert_answered(work, answer='unchanged')
        self.worker.get('/gate?name=a')
        self.assertEqual('respond', client.wait_stopped('step').function)
        self.end(client, work)

    def look(self, session, thread):
        """Return who it is that is parked, by all the ways to ask."""
        frame = self.frame(session, thread)
        variables = session.request(
            'variables', variablesReference=self.locals(session, frame)
        )['variables']
        found = {each['name']: each['value'] for each in variables}
        evaluated = session.request(
            'evaluate',
            expression="name.upper(), query['name']",
            frameId=frame,
            context='watch',
        )['result']
        name = found['name'].strip("'")
        self.assertEqual(repr((name.upper(), name)), evaluated)
        return found['name']

    def frame(self, session, thread):
        """Return the id of the frame in which it waits, of the service's."""
        frames = session.request('stackTrace', threadId=thread)['stackFrames']
        return next(f['id'] for f in frames if f['source']['path'] == APP)

    def locals(self, session, frame):
        scopes = session.request('scopes', frameId=frame)['scopes']
        return scopes[0]['variablesReference']


class PauseTest(ParkedTestCase):
    """What a pause shows where everybody waits."""

    def setUp(self):
        super().setUp()
        (self.worker,) = self.start()
        self.ide = self.attach(self.port)
        self.pending = self.park(self.worker, 'a', 'b', 'c')

    def pause(self):
        self.ide.root.request('pause', threadId='*')
        return self.ide.wait_stopped('pause')

    def go(self, stop):
        stop.resume()
        self.ide.detach()
        self.release(self.worker, self.pending)

    def test_shows_who_ran_last(self):
        stop = self.pause_in_poll()
        self.assertNotIn('poll', stop.function)
        names = [thread['name'] for thread in self.ide.root.threads()]
        self.assertIn('MainThread: GET /poll', names)
        self.assertEqual(3, names.count('GET /wait'), names)
        # It is not shown a second time.
        self.assertNotIn('GET /poll', names)
        self.assertEqual("'d'", self.evaluate(stop, "query['name']"))
        self.go(stop)

    def test_steps_over_libraries_there(self):
        self.ide.detach()
        self.ide = self.attach(self.port, justMyCode=True)
        stop = self.pause_in_poll()
        self.assertEqual('poll', stop.function)
        self.assert_at(stop.step(), 'poll')
        self.go(stop)

    def test_steps_there(self):
        stop = self.pause_in_poll()
        turns = int(self.evaluate(stop, 'turns'))
        while stop.path != APP:
            stop = stop.step('stepOut')
        self.assertEqual('poll', stop.function)
        stop = stop.step()
        self.assert_at(stop, 'poll')
        self.assertEqual(str(turns), stop.evaluate('turns'))
        self.go(stop)

    def pause_in_poll(self):
        """Have a request run that is seldom parked for long, and pause."""
        self.pending['d'] = self.worker.get_later('/poll?name=d')
        wait_until('it to run', lambda: self.waiting(self.worker, 'd'))

        def pause():
            # Whoever accepts connections may have run since.
            stop = self.pause()
            if any(f['source']['path'] == APP for f in stop.frames):
                return stop
            return stop.resume()

        return wait_until('pause in it', pause)

    def evaluate(self, stop, expression):
        """Evaluate in the innermost frame that is the application's."""
        frame = next(f for f in stop.frames if f['source']['path'] == APP)
        return self.ide.root.request(
            'evaluate',
            expression=expression,
            frameId=frame['id'],
            context='repl',
        )['result']

    def test_of_a_thread_again_and_again(self):
        for _ in range(5):
            stop = self.pause()
            self.assertIn(stop.thread, [t['id'] for t in self.threads()])
            stop.resume()
            self.assertEqual(200, self.worker.get('/pid')[0])
        self.go(self.pause())

    def threads(self):
        return self.ide.root.threads()
