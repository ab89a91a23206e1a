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

"""``osdbg stacks`` shows where a service is, also when that is stuck."""

import json
import os
import signal
import sys

from tests.functional.harness import free_port
from tests.functional.harness import over
from tests.functional.harness import Process
from tests.functional.harness import PROGRAMS
from tests.functional.harness import spread
from tests.functional.harness import wait_until
from tests.functional.one_service import OneServiceTestCase

PROGRAM = str(PROGRAMS / 'stuck_program.py')
ENGINES = ('eventlet', 'native')
SERVED = ('eventlet', 'threading')
STUCK = {
    'stuck_in_read': r'''read\(reader, 1\)
  in C: read
''',
    'stuck_in_sleep': r'''sleep\(1000\)
  in C: sleep
''',
    'stuck_on_a_lock': r'''lock.acquire\(\)
  in C: lock.acquire
''',
    'stuck_in_a_loop': '''(while True:|number \\+= 1)
  runs
''',
}


@spread
class StacksTest(OneServiceTestCase):
    def play(self, engine, how, count=3):
        """Have a program get stuck; return it."""
        self.environ['OS_REMOTE_DEBUG__PORT'] = str(free_port())
        words = [sys.executable, PROGRAM, engine, how, str(count)]
        program = Process(words, self.environ, how)
        self.processes.append(program)
        program.wait_log('STUCK')
        wait_until('armed', lambda: program.pid in self.processes_told())
        return program

    def start(self, **options):
        """Start the service, and wait until its workers are armed."""
        workers = super().start(**options)
        wait_until(
            'armed workers',
            lambda: all(
                self.processes_told().get(each.pid, {}).get('worker')
                is not None
                for each in workers
            ),
        )
        return workers

    def shown(self, *words, code=0):
        done = self.osdbg('stacks', *words)
        self.assertEqual(code, done.returncode, done)
        self.assertNotIn('Traceback', done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def told(self, *words):
        return json.loads(self.shown(*words, '--json'))

    @over(ENGINES)
    def test_main_thread_is_stuck(self, engine):
        for how, expected in STUCK.items():
            program = self.play(engine, how)
            shown = self.shown(str(program.pid))
            block = next(
                block
                for block in shown.split('\n\n')
                if block.startswith(f'thread MainThread [{program.pid}]')
            )
            self.assertRegex(block + '\n', expected)
            self.assertRegex(block, rf'line \d+, in {how}\n')
            program.kill()

    def test_green_threads(self):
        program = self.play('eventlet', 'idle', count=37)
        shown = self.shown()
        self.assertIn(f'[{program.pid}]: 2 threads, 41 green, ', shown)
        blocks = {
            block.partition('\n')[0]: block for block in shown.split('\n\n')
        }
        of = 'of MainThread:'
        one = 'green thread one that'
        for title, waits in {
            f'37 green threads like this {of} sleeps()': 'sleep of 1000 s, 9',
            f'{one} reads {of} reads()': 'read from socket 127.0.0.1:',
            f'{one} waits_in_line {of} waits_in_line()': 'an item of ',
            f'{one} wants_the_lock {of} wants_the_lock()': 'a threading.RLock '
            'held by green thread MainThread',
            'main green thread of MainThread': 'sleep of 1000 s, 9',
        }.items():
            self.assertIn(f'\n  waits for: {waits}', blocks[title])
        # The hub, and the agent's own.
        self.assertIn('2 not shown', shown)
        everything = self.shown('--all')
        self.assertEqual(37, everything.count('sleeps()'))
        self.assertIn('waits for: its green threads', everything)
        self.assertNotIn('not shown', everything)

    def test_threads(self):
        self.play('native', 'idle')
        (process,) = self.told()
        threads = {t['name']: t for t in process['threads']}
        waits = threads['one that waits_in_line']['waits']
        self.assertRegex(waits, 'an item of a queue, (1000|999.*) s at most')
        last = threads['one that sleeps']['frames'][-1]
        self.assertEqual('sleeps', last['function'])
        self.assertEqual(PROGRAM, last['file'])
        self.assertTrue(threads['MainThread']['main'])
        owners = [t['owner'] for t in process['threads']]
        self.assertEqual(1, owners.count('osdbg'))
        self.assertEqual([], process['greenlets'])

    @over(SERVED)
    def test_diff(self, engine):
        (worker,) = self.start(engine=engine, workers=1)
        process = wait_until('a service at rest', self.at_rest)
        self.assertIn(False, [t['moved'] for t in process['threads']])
        pending = worker.get_later('/spin?seconds=15')
        wait_until('spinning', lambda: self.spinning(self.told()[0]))
        (process,) = self.told('--diff', '2')
        self.assertTrue(self.spinning(process))
        used = [t.get('used', 0) for t in process['threads']]
        # Of two seconds, on a machine that may be busy.
        self.assertGreater(max(used), 0.1)
        self.assertEqual(200, pending.result()[0])

    def at_rest(self):
        """Return what is told of a process once it works no more."""
        (process,) = self.told('--diff', '0.2')
        used = [t.get('used', 0) for t in process['threads']]
        return process if max(used) < 0.05 else None

    def spinning(self, process):
        functions = (
            frame['function']
            for thread in process['threads']
            for frame in thread['frames']
        )
        return 'spin' in functions

    def test_diff_shows_what_hangs(self):
        self.play('eventlet', 'stuck_in_read')
        shown = self.shown('--diff', '0.2')
        self.assertIn('; what did not move in 0.2 s\n', shown)
        self.assertRegex(shown, STUCK['stuck_in_read'])

    @over(SERVED)
    def test_several_workers(self, engine):
        workers = self.start(engine=engine, workers=2)
        shown = self.shown()
        for worker in workers:
            self.assertRegex(shown, rf'(?m)^\S+/\d \[{worker.pid}\]: ')
        self.assertEqual(
            {worker.pid for worker in workers},
            {process['pid'] for process in self.told()},
        )

    def test_stopped(self):
        workers = self.start(engine='eventlet', workers=2)
        stopped, runs = (worker.pid for worker in workers)
        os.kill(stopped, signal.SIGSTOP)
        self.addCleanup(os.kill, stopped, signal.SIGCONT)
        said = self.shown(code=1)
        self.assertIn(f'[{stopped}]: it is stopped', said)
        self.assertIn(f'kill -CONT {stopped}', said)
        self.assertNotIn(str(runs), said)
        told = {each['pid']: each for each in json.loads(self.json_anyway())}
        self.assertIn('trouble', told[stopped])
        self.assertTrue(told[runs]['threads'])

    def json_anyway(self):
        return self.osdbg('stacks', '--json').stdout

    def test_gil_is_held(self):
        program = self.play('native', 'stuck_with_the_gil')
        program.signal(signal.SIGUSR1)
        program.wait_log('HOLDING')
        said = self.shown(code=1)
        self.assertRegex(said, f'py-spy dump .*--pid {program.pid}')

    def test_service_is_left_alone(self):
        (worker,) = self.start(engine='eventlet', workers=1)
        before = worker.state()
        for _ in range(3):
            self.shown()
        self.assert_undisturbed(worker, before)
        self.assertFalse(worker.state()['debugger_loaded'])
        self.assert_no_complaint(self.service)
