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

"""pdb's prompt in threads of this process, over real sockets."""

import _socket
import bdb
import gc
import io
import logging
import os
import pdb  # noqa: T100
import signal
import socket
import sys
import threading
import time
import unittest

from osdbg.backends import _remote_pdb
from osdbg.backends._remote_pdb_line import Line
from osdbg.greenlets import Owner
from osdbg import journal
from osdbg import settings
from tests.unit import fresh

SECONDS = 20
GO = b'{"go": true}\n'


def step():
    answer = 'unchanged'
    answer += ''
    return answer


class Far:
    """The far end of the connection: gateway and terminal."""

    def __init__(self, test, typed=b'', first=GO):
        ours, theirs = _socket.socketpair()
        self.near = theirs
        self.sock = socket.socket(fileno=ours.detach())
        self.sock.settimeout(SECONDS)
        test.addCleanup(self.sock.close)
        self.sock.sendall(first + typed)
        self.shown = ''

    def until(self, text='(Pdb) '):
        while text not in self.shown:
            data = self.sock.recv(4096)
            if not data:
                raise AssertionError(f'no {text!r} in {self.shown!r}')
            self.shown += data.decode()
        seen, _, self.shown = self.shown.partition(text)
        return seen.replace('\r', '')

    def ask(self, line):
        self.sock.sendall(f'{line}\n'.encode())
        return self.until().strip()

    def rest(self):
        while True:
            try:
                data = self.sock.recv(4096)
            except ConnectionResetError:
                data = b''
            if not data:
                return self.shown.replace('\r', '')
            self.shown += data.decode()


class Request(threading.Thread):
    """A thread of the service."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self._work = work
        self.answer = self.trace = None
        self.start()

    def run(self):
        try:
            self.answer = self._work()
        except BaseException as exc:
            self.answer = exc
        self.trace = sys.gettrace()

    def result(self):
        self.join(SECONDS)
        if self.is_alive():
            raise AssertionError('the request hangs')
        return self.answer


class PromptTest(unittest.TestCase):
    def setUp(self):
        self.backend = self.make()
        _remote_pdb._quiet_until.clear()
        self.addCleanup(self.assertEqual, [], _remote_pdb._turns)

    def make(self, **options):
        made = settings.Settings({'name': 'api', **options})
        backend = _remote_pdb.RemotePdbBackend(made)
        self.calls = []
        return backend

    def far(self, typed=b'', first=GO):
        far = Far(self, typed, first)

        def reach(where):
            self.calls.append(where)
            return far.near

        self.backend.reach = reach
        return far

    def work(self):
        answer = 'unchanged'
        self.backend.break_here(sys._getframe())
        answer = str(answer)
        step()
        return answer

    def run_typed(self, typed):
        """Return what a request shows and answers."""
        far = self.far(typed)
        request = Request(self.work)
        shown = far.rest()
        self.assertIsNone(request.result() and request.trace)
        return shown, request.answer

    def test_continue(self):
        shown, answer = self.run_typed(b"p answer\n!answer = 'new'\nc\n")
        self.assertIn("(Pdb) 'unchanged'", shown)
        self.assertEqual('new', answer)
        (where,) = self.calls
        self.assertRegex(where, r'test_remote_pdb\.py:\d+$')

    def test_however_it_ends(self):
        for typed in (b'q\n', b'exit\n', b'n\nq\n', b's\ns\ns\nq\n'):
            with self.subTest(typed):
                self.assertEqual('unchanged', self.run_typed(typed)[1])

    def test_a_client_that_goes(self):
        for asked in ((), ('n',), ('s', 's', 's')):
            with self.subTest(asked):
                far = self.far()
                request = Request(self.work)
                far.until()
                for line in asked:
                    far.ask(line)
                far.sock.close()
                self.assertEqual('unchanged', request.result())
                self.assertIsNone(request.trace)

    def test_a_client_that_goes_in_the_middle(self):
        for typed in ('def f():', 'interact', 'debug step()', 'commands 1'):
            with self.subTest(typed):
                far = self.far()
                request = Request(self.work)
                far.until()
                far.ask('b step')
                far.sock.sendall(f'{typed}\n'.encode())
                far.sock.shutdown(socket.SHUT_WR)
                self.assertEqual('unchanged', request.result())
                self.assertIsNone(request.trace)
                self.assertEqual({}, bdb.Breakpoint.bplist)

    def test_refusals(self):
        for first, why in (
            (b'{"refused": "nobody came in 60 s"}\n', 'nobody came in 60 s'),
            (b'{"refused"', 'the connection has ended'),
            (b'[]\n', 'the gateway says'),
            (b'', 'the connection has ended'),
        ):
            with self.subTest(first):
                _remote_pdb._quiet_until.clear()
                far = self.far(first=first)
                far.sock.shutdown(socket.SHUT_WR)
                with self.assertLogs('osdbg', 'WARNING') as logs:
                    self.assertEqual('unchanged', Request(self.work).result())
                self.assertRegex(logs.output[0], rf':\d+ passed: {why}')

    def test_it_is_not_said_a_thousand_times(self):
        with self.assertLogs('osdbg', 'WARNING') as logs:
            for _ in range(1000):
                self.work()
        self.assertEqual(1, len(logs.output))

    def test_no_gateway(self):
        with self.assertLogs('osdbg', 'WARNING') as logs:
            self.assertEqual('unchanged', self.work())
        self.assertIn('this process has no agent', logs.output[0])

    def test_a_log_handler_with_a_breakpoint(self):
        lines = []
        backend = self.backend

        class Handler(logging.Handler):
            def emit(self, record):
                lines.append(record.getMessage())
                if len(lines) < 10:
                    backend.break_here(sys._getframe())

        handler = Handler()
        for name in ('osdbg', 'service'):
            logger = logging.getLogger(name)
            logger.addHandler(handler)
            self.addCleanup(logger.removeHandler, handler)
        logging.getLogger('service').error('hello')
        hello, passed = lines
        self.assertEqual('hello', hello)
        self.assertIn('passed: ', passed)
        # As the agent does, when the gateway has it announce a prompt.
        far = self.far()
        journal.write(logging.WARNING, 'a breakpoint waits')
        self.assertEqual('a breakpoint waits', lines.pop())
        self.assertEqual([], self.calls)
        far.near.close()

    def test_a_silent_gateway(self):
        self.backend = self.make(prompt_timeout=0.1)
        self.far(first=b'')
        slack, _remote_pdb._SLACK_SECONDS = _remote_pdb._SLACK_SECONDS, 0
        self.addCleanup(setattr, _remote_pdb, '_SLACK_SECONDS', slack)
        with self.assertLogs('osdbg', 'WARNING') as logs:
            self.assertEqual('unchanged', Request(self.work).result())
        self.assertIn('passed: nobody came', logs.output[0])

    def test_tracing_is_what_it_was(self):
        seen = []

        def tracer(frame, event, arg):
            seen.append(frame.f_code.co_name)
            return tracer

        def work():
            sys.settrace(tracer)
            mine = sys._getframe()
            mine.f_trace = tracer
            try:
                answer = self.work()
                step()
                return answer, mine.f_trace is tracer, sys.gettrace()
            finally:
                sys.settrace(None)

        for typed in (b'c\n', b'q\n', b'n\nn\nc\n', b's\ns\ns\nq\n', b''):
            with self.subTest(typed):
                far = self.far(typed)
                far.sock.shutdown(socket.SHUT_WR)
                del seen[:]
                answer = Request(work).result()
                self.assertEqual(('unchanged', True, tracer), answer)
                self.assertIn('step', seen)

    def test_what_others_print(self):
        far = self.far()
        before = sys.stdout
        sys.stdout = out = io.StringIO()
        self.addCleanup(setattr, sys, 'stdout', before)
        request = Request(self.work)
        far.until()
        far.ask('import threading')
        shown = far.ask(
            "t = threading.Thread(target=print, args=('theirs',)); "
            "t.start(); t.join(); print('mine')"
        )
        far.sock.sendall(b'c\n')
        request.result()
        self.assertEqual('mine', shown)
        self.assertEqual('theirs\n', out.getvalue())
        self.assertIs(out, sys.stdout)

    def test_what_cannot_be_encoded(self):
        shown, answer = self.run_typed(
            'print("\\udc80"); print("é")\nc\n'.encode()
        )
        self.assertIn('\\udc80\né', shown)
        self.assertEqual('unchanged', answer)

    def test_the_end_of_the_program(self):
        for typed in (b'!exit()\n', b'!import sys; sys.exit(3)\n', b'run\n'):
            shown, answer = self.run_typed(typed + b'p 6 * 7\nc\n')
            self.assertIn('42', shown)
            self.assertEqual('unchanged', answer)
            self.assertFalse(sys.stdout.closed)

    def test_several_lines(self):
        shown, _ = self.run_typed(
            b'def f(a):\n  b = a\n  return b + 1\n\nf(41)\nif\nf(1)\nc\n'
        )
        self.assertIn('...   ...   ', shown)
        self.assertIn('42', shown)
        self.assertIn('SyntaxError', shown)

    def test_cancelled_lines(self):
        shown, _ = self.run_typed(b'def f():\n\x03\np 6 * 7\n\x03\nc\n')
        self.assertIn('42', shown)
        shown, _ = self.run_typed(b'interact\nif 1:\n\x03\n6 * 7\nexit()\nc\n')
        self.assertIn('42', shown)

    def test_help(self):
        before = sys.stdout
        sys.stdout = out = io.StringIO()
        self.addCleanup(setattr, sys, 'stdout', before)
        shown, _ = self.run_typed(b'help\nhelp pdb\nhelp run\nc\n')
        self.assertIn('Debugger commands', shown)
        self.assertEqual('', out.getvalue())

    def test_debug(self):
        shown, answer = self.run_typed(b'debug step()\ns\nc\np 6 * 7\nc\n')
        self.assertIn('((Pdb))', shown)
        self.assertIn('42', shown)
        self.assertEqual('unchanged', answer)

    def test_breakpoints_are_forgotten(self):
        far = self.far()
        request = Request(self.work)
        far.until()
        far.ask('b step')
        self.assertIn('step()', far.ask('c'))
        far.sock.sendall(b'q\n')
        far.rest()
        self.assertEqual('unchanged', request.result())
        self.assertEqual({}, bdb.Breakpoint.bplist)
        self.assertEqual([None], bdb.Breakpoint.bpbynumber)

    def test_again_while_it_is_stepped(self):
        far = self.far()

        def work():
            return self.work() + self.work()

        request = Request(work)
        far.until()
        far.ask('n')
        far.ask('r')
        while 'str(answer)' not in far.ask('n'):
            pass
        far.sock.sendall(b'c\n')
        far.rest()
        self.assertEqual('unchanged' * 2, request.result())
        self.assertEqual(1, len(self.calls))

    def test_a_breakpoint_called_from_the_prompt(self):
        far = self.far()
        request = Request(self.work)
        far.until()
        with self.assertLogs('osdbg', 'WARNING') as logs:
            self.assertIn('unchanged', far.ask('p self.work()'))
        self.assertIn('this thread is at a prompt already', logs.output[0])
        far.sock.sendall(b'c\n')
        self.assertEqual('unchanged', request.result())

    def test_the_second_waits(self):
        first = self.far()
        requests = [Request(self.work)]
        first.until()
        second = self.far()
        requests.append(Request(self.work))
        first.sock.sendall(b'c\n')
        second.until()
        second.sock.sendall(b'c\n')
        for request in requests:
            self.assertEqual('unchanged', request.result())

    def test_the_second_passes(self):
        self.backend = self.make(second_prompt='pass')
        far = self.far()
        request = Request(self.work)
        far.until()
        with self.assertLogs('osdbg', 'WARNING') as logs:
            self.assertEqual('unchanged', Request(self.work).result())
        self.assertIn('another request is at a prompt', logs.output[0])
        far.sock.sendall(b'c\n')
        self.assertEqual('unchanged', request.result())

    def test_a_client_that_went_while_the_thread_ran(self):
        first = self.far()
        ended = threading.Event()
        self.addCleanup(ended.set)

        def work():
            self.work()
            ended.wait(SECONDS)
            return 'late'

        request = Request(work)
        first.until()
        self.assertIn('Breakpoint 1', first.ask('b LineTest.pair'))
        first.sock.sendall(b'c\n')
        first.until('it runs to the next')
        time.sleep(0.1)
        first.sock.close()
        second = self.far()
        other = Request(self.work)
        second.until()
        second.sock.sendall(b'c\n')
        self.assertEqual('unchanged', other.result())
        ended.set()
        self.assertEqual('late', request.result())

    def test_unload(self):
        self.far(first=b'')
        waiting = Request(self.work)
        while not self.calls:
            time.sleep(0.01)
        with self.assertLogs('osdbg', 'WARNING'):
            self.backend.unload()
            self.assertEqual('unchanged', waiting.result())
        far = self.far()
        talking = Request(self.work)
        far.until()
        self.backend.unload()
        self.assertEqual('unchanged', talking.result())
        self.assertIsNone(talking.trace)

    def assert_forgets(self, *calls):
        """See that no turn is left in a child that makes these calls."""
        pid = os.fork()
        if not pid:
            status = 1
            try:
                logging.disable()
                signal.alarm(SECONDS)
                for call in calls:
                    call()
                status = len(_remote_pdb._turns) or 7
            finally:
                os._exit(status)
        self.assertEqual(7, os.waitpid(pid, 0)[1] >> 8)

    def test_a_fork_while_a_prompt_is_open(self):
        far = self.far()
        request = Request(self.work)
        far.until()
        self.assert_forgets(self.backend.after_fork)
        self.assertEqual('42', far.ask('p 42'))
        far.sock.sendall(b'c\n')
        self.assertEqual('unchanged', request.result())

    def test_a_fork_that_nobody_has_told_of(self):
        far = self.far()
        request = Request(self.work)
        far.until()
        for use in (
            lambda: self.make(prompt_timeout=0.1).break_here(sys._getframe()),
            lambda: self.make().unload(),
            lambda: [turn.stop() for turn in list(_remote_pdb._turns)],
            lambda: [turn.leave() for turn in list(_remote_pdb._turns)],
        ):
            self.assert_forgets(use, _remote_pdb._here)
            self.assertEqual('42', far.ask('p 42'))
        far.sock.sendall(b'c\n')
        self.assertEqual('unchanged', request.result())

    def test_a_fork_in_a_request_that_is_stepped(self):
        status = []

        def work():
            answer = self.work()
            pid = os.fork()
            if not pid:
                signal.alarm(SECONDS)
                logging.disable()
                answer = self.work()  # the backend is that of no gateway
                os._exit(len(_remote_pdb._turns) + (answer == 'unchanged'))
            status.append(os.waitpid(pid, 0)[1] >> 8)
            return answer

        far = self.far()
        request = Request(work)
        far.until()
        far.ask('r')
        while 'os.waitpid' not in far.ask('n'):
            self.assertFalse(status)
        self.assertEqual('42', far.ask('p 6 * 7'))
        far.sock.sendall(b'c\n')
        self.assertEqual('unchanged', request.result())
        self.assertEqual([1], status)

    def test_a_fork_at_the_prompt(self):
        far = self.far()
        request = Request(self.work)
        far.until()
        far.ask('import os')
        far.ask(
            'pid = os.fork() or (self.backend.after_fork(), '
            'os._exit(len(sys.stdin.readline()) or 7))'
        )
        self.assertEqual('7', far.ask('p os.waitpid(pid, 0)[1] >> 8'))
        far.sock.sendall(b'c\n')
        self.assertEqual('unchanged', request.result())

    def test_the_main_thread_obeys_signals(self):
        got = []
        before = signal.signal(signal.SIGTERM, lambda *args: got.append(args))
        self.addCleanup(signal.signal, signal.SIGTERM, before)
        handler = signal.getsignal(signal.SIGTERM)
        far = self.far()

        def stop():
            far.until()
            os.kill(os.getpid(), signal.SIGTERM)

        other = Request(stop)
        self.assertEqual('unchanged', self.work())
        other.result()
        self.assertEqual(1, len(got))
        self.assertIs(handler, signal.getsignal(signal.SIGTERM))
        self.assertIsNone(sys.gettrace())

    def test_in_a_signal_handler(self):
        def handle(signum, frame):
            self.backend.break_here(frame)

        before = signal.signal(signal.SIGURG, handle)
        self.addCleanup(signal.signal, signal.SIGURG, before)
        for typed in (b'w\nc\n', b'n\nn\nq\n'):
            far = self.far(typed)
            other = Request(far.rest)
            os.kill(os.getpid(), signal.SIGURG)
            for _ in range(10):
                step()
            self.assertIn('test_in_a_signal_handler', other.result())
            self.assertIsNone(sys.gettrace())
            self.assertIsNone(sys._getframe().f_trace)

    def test_nothing_is_left(self):
        self.run_typed(b'n\nc\n')
        gc.collect()
        before = len(os.listdir('/proc/self/fd')), threading.active_count()
        for number in range(50):
            far = Far(self, (b'n\nc\n', b's\nq\n', b'n\n')[number % 3])
            far.sock.shutdown(socket.SHUT_WR)
            self.backend.reach = lambda where, far=far: far.near
            self.assertEqual('unchanged', Request(self.work).result())
            far.sock.close()
        after = len(os.listdir('/proc/self/fd')), threading.active_count()
        self.assertEqual(before, after)
        self.assertIsNone(getattr(pdb.Pdb, '_last_pdb_instance', None))


class LineTest(unittest.TestCase):
    def pair(self):
        near, far = _socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        return Line(near), far

    def test_it_ends_and_never_raises(self):
        line, far = self.pair()
        far.close()
        self.assertEqual(b'', line.recv(9))
        line.sendall(b'x' * 10)
        line.hang_up()
        line.close()
        line.sendall(b'x')
        self.assertEqual(b'', line.recv(9))

    def test_a_client_that_does_not_read(self):
        line, far = self.pair()
        sender = Request(lambda: line.sendall(b'x' * 10_000_000))
        time.sleep(0.05)
        self.assertTrue(sender.is_alive())
        line.hang_up()
        self.assertIsNone(sender.result())

    def test_is_gone(self):
        line, far = self.pair()
        self.assertFalse(line.is_gone())
        far.send(b'x')
        self.assertFalse(line.is_gone())
        self.assertEqual(b'x', line.recv(9))
        far.close()
        self.assertTrue(line.is_gone())

    def test_owner(self):
        owner = Owner()
        self.assertTrue(owner.is_current())
        self.assertFalse(owner.is_dead())
        self.assertFalse(Request(owner.is_current).result())
        other = Request(Owner).result()
        self.assertTrue(other.is_dead())


class RequireTest(fresh.FreshTestCase):
    def test_require_imports_nothing(self):
        self.assert_ok(
            """
            import sys
            from osdbg import backends, settings
            made = settings.Settings({"backend": "remote_pdb"})
            backends.create(made).require()
            print({'remote_pdb', 'pdb'} & set(sys.modules) or 'OK')
            """
        )

    def test_not_installed(self):
        self.assert_ok(
            """
            import sys
            from osdbg import backends, exceptions, settings
            sys.path[:] = [p for p in sys.path if 'site-packages' not in p]
            made = settings.Settings({"backend": "remote_pdb"})
            try:
                backends.create(made).require()
            except exceptions.BackendNotInstalled as exc:
                print('OK' if 'osdbg[pdb]' in str(exc) else exc)
            """
        )
