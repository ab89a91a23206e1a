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

"""What plain ``debugpy.listen()`` offers a client, osdbg offers as well.

Each exercise is played against a service on plain ``debugpy.listen()`` and
then, under two engines, against a service on osdbg; what it returns must be
the same.
"""

import pathlib
import shutil
import time

from tests.functional import dap
from tests.functional.harness import alive
from tests.functional.harness import APP
from tests.functional.harness import ENOUGH
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import line_of
from tests.functional.harness import over
from tests.functional.harness import POLL
from tests.functional.harness import spread
from tests.functional.harness import wait_until

ENGINES = ('eventlet', 'none')


def compared(exercise):
    """Turn an exercise into tests that play it on both, per engine."""

    def test(self, engine):
        self.assertEqual(
            self.play_plain(exercise), self.play_osdbg(exercise, engine)
        )

    return over(ENGINES)(test)


class FeaturesTestCase(FunctionalTestCase):
    def play_plain(self, exercise):
        service, port = self.start_listening()
        return self.play(exercise, service, port)

    def play_osdbg(self, exercise, engine):
        port = free_port()
        service = self.start_service(
            engine=engine, init='in_worker', port=port
        )
        return self.play(exercise, service, port)

    def play(self, exercise, service, port):
        (worker,) = service.workers()
        client = self.client(port)
        found = exercise(self, client, worker)
        client.hang_up()
        self.assert_answered(worker.get_later('/work'), pid=worker.pid)
        self.assertEqual(0, service.stop()[0])
        return found

    def breaks(self, client, mark, **options):
        client.break_at(APP, line_of(mark), **options)
        return client.attach()

    def stop(self, client, worker, path='/features'):
        """Send a request and wait until it stops."""
        self.pending = worker.get_later(path)
        return client.wait_stopped()

    def go(self, stop):
        """Let the request of :meth:`stop` end and return its answer."""
        stop.resume()
        return self.answer()

    def answer(self):
        status, answer = self.pending.result()
        answer.pop('pid')
        return status, answer

    def refusal(self, session, command, **arguments):
        try:
            return session.request(command, **arguments)
        except dap.DapError as error:
            return str(error).partition(':')[0]


@spread
class BreakpointsTest(FeaturesTestCase):
    @compared
    def test_conditional(self, client, worker):
        self.breaks(client, 'loop', condition='number == 3')
        stop = self.stop(client, worker)
        return stop.locals(), self.go(stop)

    @compared
    def test_hit_count(self, client, worker):
        self.breaks(client, 'loop', hitCondition='4')
        stop = self.stop(client, worker)
        return stop.locals(), self.go(stop)

    @compared
    def test_log_message(self, client, worker):
        self.breaks(client, 'loop', logMessage='number {number}')
        self.pending = worker.get_later('/features')
        logged = [
            client.root.wait_event(
                'output', lambda body: 'number' in body['output']
            )['output']
            for _ in range(5)
        ]
        return logged, self.answer()

    @compared
    def test_function(self, client, worker):
        client.function_breakpoints = [{'name': 'double'}]
        client.attach()
        stop = self.stop(client, worker)
        return stop.reason, stop.function, stop.line, self.go(stop)

    @compared
    def test_raised_exception(self, client, worker):
        client.exception_filters = ['raised']
        client.attach()
        stop = self.stop(client, worker, '/raise_caught')
        info = self.exception_info(client, stop)
        while info['exceptionId'] != 'ValueError':
            stop.resume()
            stop = client.wait_stopped()
            info = self.exception_info(client, stop)
        found = (stop.reason, stop.line, info)
        client.detach()
        return found, self.answer()

    def exception_info(self, client, stop):
        info = client.root.request('exceptionInfo', threadId=stop.thread)
        del info['details']
        return info

    @compared
    def test_exception_condition(self, client, worker):
        client.exception_options = [
            {'filterId': 'raised', 'condition': 'KeyError'}
        ]
        client.attach()
        self.pending = worker.get_later('/raise_caught')
        return self.answer()

    @compared
    def test_removed(self, client, worker):
        self.breaks(client, 'loop')
        stop = self.stop(client, worker)
        client.clear_breakpoints(APP)
        return self.go(stop)

    @compared
    def test_set_while_running(self, client, worker):
        client.attach()
        client.break_at(APP, line_of('landing'))
        stop = self.stop(client, worker)
        return client.verified[client.root], stop.line, self.go(stop)

    @compared
    def test_on_a_line_without_code(self, client, worker):
        client.attach()
        found = client.root.set_breakpoints(
            APP, [{'line': 1}, {'line': 10**6}]
        )
        return [(b['verified'], b.get('line')) for b in found]


@spread
class StoppedTest(FeaturesTestCase):
    @compared
    def test_set_variable(self, client, worker):
        self.breaks(client, 'landing')
        stop = self.stop(client, worker)
        return stop.set('total', '7'), self.go(stop)

    @compared
    def test_set_expression(self, client, worker):
        self.breaks(client, 'landing')
        stop = self.stop(client, worker)
        value = client.root.request(
            'setExpression',
            expression='total',
            value='8',
            frameId=stop.frame['id'],
        )
        return value['value'], self.go(stop)

    @compared
    def test_evaluate(self, client, worker):
        self.breaks(client, 'landing')
        stop = self.stop(client, worker)
        stop.evaluate('total = 9', 'repl')
        found = [
            stop.evaluate('total + 1'),
            stop.evaluate('[n for n in range(3)]', 'hover'),
            self.refusal(
                client.root,
                'evaluate',
                expression='nothing_there',
                context='watch',
                frameId=stop.frame['id'],
            ),
        ]
        return found, self.go(stop)

    @compared
    def test_completions(self, client, worker):
        self.breaks(client, 'landing')
        stop = self.stop(client, worker)
        targets = client.root.request(
            'completions', frameId=stop.frame['id'], text='tot', column=4
        )
        return (
            [target['label'] for target in targets['targets']],
            self.go(stop),
        )

    @compared
    def test_stack_and_scopes(self, client, worker):
        self.breaks(client, 'add')
        stop = self.stop(client, worker)
        scopes = client.root.request('scopes', frameId=stop.frame['id'])
        return (
            [(frame['name'], frame['line']) for frame in stop.frames[:4]],
            [scope['name'] for scope in scopes['scopes']],
            stop.locals(),
            self.go(stop),
        )

    @compared
    def test_goto(self, client, worker):
        self.breaks(client, 'call')
        stop = self.stop(client, worker)
        targets = client.root.request(
            'gotoTargets', source={'path': APP}, line=line_of('landing')
        )
        client.root.request(
            'goto', threadId=stop.thread, targetId=targets['targets'][0]['id']
        )
        landed = client.wait_stopped()
        return landed.line, self.go(landed)

    @compared
    def test_step_in_out_and_over(self, client, worker):
        self.breaks(client, 'call')
        stop = self.stop(client, worker)
        seen = []
        for command in ('stepIn', 'stepOut', 'next', 'next'):
            stop = stop.step(command)
            seen.append((stop.function, stop.reason))
        return seen, self.go(stop)

    @compared
    def test_step_in_targets(self, client, worker):
        self.breaks(client, 'call')
        stop = self.stop(client, worker)
        targets = client.root.request(
            'stepInTargets', frameId=stop.frame['id']
        )['targets']
        chosen = next(
            target for target in targets if 'double' in target['label']
        )
        inside = stop.step('stepIn', targetId=chosen['id'])
        return (
            [target['label'] for target in targets],
            inside.function,
            self.go(inside),
        )

    @compared
    def test_pause(self, client, worker):
        client.attach()
        self.pending = worker.get_later('/spin?seconds=60')
        thread = wait_until(
            'spinning thread', lambda: self.spinning(client, worker)
        )
        client.root.request('pause', threadId=thread)
        stop = client.wait_stopped('pause')
        stop.evaluate(ENOUGH)
        status, _ = self.go(stop)
        return stop.reason, status

    def spinning(self, client, worker):
        """Return the number of any thread once the request runs."""
        time.sleep(POLL)
        return '*' if client.root.threads() else None

    @compared
    def test_modules(self, client, worker):
        self.breaks(client, 'landing')
        stop = self.stop(client, worker)
        stop.frames
        modules = client.root.request('modules', startModule=0, moduleCount=0)[
            'modules'
        ]
        return (
            'api_app' in [module['name'] for module in modules],
            self.go(stop),
        )

    @compared
    def test_variables_of_an_object(self, client, worker):
        self.breaks(client, 'handler')
        stop = self.stop(client, worker, '/work?a=1&b=2')
        body = client.root.request(
            'evaluate',
            expression='query',
            frameId=stop.frame['id'],
            context='watch',
        )
        inner = client.root.request(
            'variables', variablesReference=body['variablesReference']
        )
        names = [variable['name'] for variable in inner['variables']]
        return sorted(names), self.go(stop)

    @compared
    def test_source(self, client, worker):
        self.breaks(client, 'landing')
        stop = self.stop(client, worker)
        return stop.path, stop.frame['source'].get('sourceReference')


@spread
class AttachTest(FeaturesTestCase):
    @compared
    def test_capabilities(self, client, worker):
        client.attach()
        return client.root.capabilities

    @compared
    def test_redirect_output(self, client, worker):
        client.attach_arguments['redirectOutput'] = True
        client.attach()
        self.pending = worker.get_later('/features')
        body = client.root.wait_event(
            'output', lambda b: 'total' in b['output']
        )
        return body['category'], body['output'].strip(), self.answer()

    @compared
    def test_path_mappings(self, client, worker):
        local = pathlib.Path(self.directory) / 'local'
        local.mkdir(exist_ok=True)
        shutil.copy(APP, local)
        client.attach_arguments['pathMappings'] = [
            {
                'localRoot': str(local),
                'remoteRoot': str(pathlib.Path(APP).parent),
            }
        ]
        here = str(local / 'api_app.py')
        client.break_at(here, line_of('landing'))
        client.attach()
        stop = self.stop(client, worker)
        return stop.path, stop.line, self.go(stop)

    @compared
    def test_just_my_code(self, client, worker):
        client.attach_arguments['justMyCode'] = True
        self.breaks(client, 'add')
        stop = self.stop(client, worker)
        labels = [
            (frame['name'], frame.get('presentationHint'))
            for frame in stop.frames[:4]
        ]
        return labels, self.go(stop)

    @compared
    def test_set_debugger_property(self, client, worker):
        client.attach()
        return client.root.request(
            'setDebuggerProperty', skipSuspendOnBreakpointException=[]
        )

    @compared
    def test_unknown_request(self, client, worker):
        client.attach()
        return self.refusal(client.root, 'makeCoffee')

    @compared
    def test_bad_frame(self, client, worker):
        client.attach()
        return bool(self.refusal(client.root, 'scopes', frameId=424242))

    @compared
    def test_breakpoint_function(self, client, worker):
        client.attach()
        stop = self.stop(client, worker, '/breakpoint')
        return stop.path, stop.line, self.go(stop)

    @compared
    def test_threads(self, client, worker):
        client.attach()
        return 'MainThread' in [t['name'] for t in client.root.threads()]

    @compared
    def test_process_event(self, client, worker):
        client.attach()
        body = client.root.wait_event('process')
        return body['startMethod'], body['systemProcessId'] == worker.pid

    @compared
    def test_system_info(self, client, worker):
        client.attach()
        found = client.root.request('debugpySystemInfo')
        return (
            sorted(found),
            found['python'],
            found['process']['pid'] == worker.pid,
        )


class LeaveTest(FeaturesTestCase):
    """Leaving never harms the service, unless told to."""

    def start(self, engine='eventlet', workers=1):
        self.port = free_port()
        self.service = self.start_service(
            engine=engine, workers=workers, port=self.port
        )
        return self.service.wait_workers(workers)

    def disconnect(self, **arguments):
        (worker,) = self.start()
        client = self.attach(self.port, 'handler')
        client.wait_pid(worker.pid)
        self.stop(client, worker, '/work')
        client.detach(**arguments)
        self.assertEqual(200, self.answer()[0])
        self.assertTrue(alive(worker.pid))

    def test_disconnect_resumes(self):
        self.disconnect()

    def test_disconnect_without_terminating_resumes(self):
        self.disconnect(terminateDebuggee=False)

    def test_disconnect_as_vs_code_does_resumes(self):
        self.disconnect(restart=False, terminateDebuggee=False)

    def test_terminate_only_detaches(self):
        (worker,) = self.start()
        client = self.attach(self.port, 'handler')
        session = client.wait_pid(worker.pid)
        self.stop(client, worker, '/work')
        session.request('terminate')
        self.assertEqual(200, self.answer()[0])
        client.hang_up()
        again = self.attach(self.port, 'handler')
        again.wait_pid(worker.pid)
        stop = self.stop(again, worker, '/work')
        self.assertEqual(200, self.go(stop)[0])
        self.assertEqual([worker.pid], [w.pid for w in self.service.workers()])

    def test_terminate_debuggee_ends_the_worker(self):
        workers = self.start(workers=2)
        client = self.attach(self.port, 'handler')
        session = client.wait_pid(workers[0].pid)
        session.disconnect(terminateDebuggee=True)
        successor = self.service.wait_successor(workers)
        self.assertNotIn(
            workers[0].pid, [w.pid for w in self.service.workers()]
        )
        self.assertIn(workers[1].pid, [w.pid for w in self.service.workers()])
        self.assert_answered(successor.get_later('/pid'), pid=successor.pid)

    def test_one_session_leaves_the_others_stay(self):
        workers = self.start(workers=2)
        client = self.attach(self.port, 'handler', processes=2)
        for worker in workers:
            client.wait_pid(worker.pid)
        child = next(
            session
            for session in client.attached().values()
            if session is not client.root
            and session.pid in [w.pid for w in workers]
        )
        child.disconnect()
        left = next(w for w in workers if w.pid == child.pid)
        other = next(w for w in workers if w.pid != child.pid)
        self.assert_answered(left.get_later('/work'), pid=left.pid)
        stop = self.stop(client, other, '/work')
        self.assertEqual(other.pid, stop.session.pid)
        self.assertEqual(200, self.go(stop)[0])


@spread
class NativeThreadsTest(FeaturesTestCase):
    def stop_in_thread(self, engine, path):
        port = free_port()
        service = self.start_service(engine=engine, port=port)
        (worker,) = service.workers()
        self.assert_answered(worker.get_later(path))
        client = self.attach(port, 'native')
        client.wait_pid(worker.pid)
        stop = self.stop(client, worker, path)
        stop.set('answer', "'changed'")
        self.assertEqual((200, {'answer': 'changed'}), self.go(stop))

    @over(('eventlet', 'threading', 'none'))
    def test_breakpoint_in_another_thread(self, engine):
        self.stop_in_thread(engine, '/native')

    def test_breakpoint_in_a_pool_of_eventlet(self):
        self.stop_in_thread('eventlet', '/pooled')

    @over(ENGINES)
    def test_osdbg_breakpoint_is_free_without_a_client(self, engine):
        port = free_port()
        service = self.start_service(engine=engine, port=port)
        (worker,) = service.workers()
        self.assert_answered(worker.get_later('/breakpoint?kind=osdbg'))
        client = self.attach(port)
        client.wait_pid(worker.pid)
        stop = self.stop(client, worker, '/breakpoint?kind=osdbg')
        self.assert_at(stop, 'breakpoint')
        self.assertEqual(200, self.go(stop)[0])
        client.detach()
        self.assert_answered(worker.get_later('/breakpoint?kind=osdbg'))
