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

"""``osdbg ps``: what it shows of real services, and to whom."""

import json
import os
import re
import subprocess
import sys

from tests.functional.harness import APP
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional.one_service import OneServiceTestCase
from tests.functional.prompt_case import PromptTestCase
from tests.functional import terminal


class PsTest(OneServiceTestCase):
    def ps(self, *words):
        """Return what is told of each process, the launcher's first."""
        done = self.osdbg('ps', '--json', *words)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return json.loads(done.stdout)

    def rows(self, *words):
        done = self.osdbg('ps', *words)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        titles, *rows = done.stdout.splitlines()
        names = titles.split()
        return [dict(zip(names, re.split('  +', row))) for row in rows]

    def test_from_armed_to_stopped_and_back(self):
        workers = self.start(workers=2, name='nova-api')
        wait_until('three processes', lambda: len(self.ps()) == 3)
        place = f'127.0.0.1:{self.port}'
        launcher, *rows = self.rows()
        self.assertEqual('launcher', launcher['WORKER'])
        self.assertEqual('left out', launcher['STATE'])
        for row in rows:
            self.assertEqual(
                ('nova-api', 'armed', 'debugpy', place, '-'),
                tuple(row[n] for n in list(row)[1:2] + list(row)[3:]),
            )
        self.assertEqual(
            {w.pid for w in workers}, {int(row['PID']) for row in rows}
        )
        client = self.attach(self.port, 'handler', processes=2)
        for row in self.rows()[1:]:
            self.assertEqual('attached', row['STATE'])
            self.assertIn('python', row['CLIENT'])
        pending, stop = self.stop_in(client, workers[0])
        (told,) = self.ps(str(workers[0].pid))
        self.assertEqual('stopped', told['state'])
        self.assertEqual(f'{stop.path}:{stop.line}', told['stopped']['where'])
        (row,) = self.rows(str(workers[0].pid))
        self.assertRegex(row['STATE'], r'^stopped at .*:\d+ for \d+ s$')
        stop.resume()
        self.assert_answered(pending, pid=workers[0].pid)
        client.detach()
        wait_until(
            'armed again',
            lambda: {p['state'] for p in self.ps()} == {'armed'},
        )

    def test_which_are_meant(self):
        workers = self.start(workers=2, name='nova-api')
        wait_until('three processes', lambda: len(self.ps()) == 3)
        self.assertEqual(3, len(self.ps('nova-api')))
        (one,) = self.ps('nova-api/1')
        self.assertEqual(1, one['worker'])
        self.assertIn(one['pid'], [worker.pid for worker in workers])
        done = self.osdbg('ps', 'cinder-api')
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn('cinder-api is not armed: write one of', done.stderr)

    def test_closed(self):
        self.start(activate='on_demand', name='nova-api')
        wait_until('a worker', lambda: len(self.ps()) == 2)
        self.assertEqual({'closed'}, {row['STATE'] for row in self.rows()})

    def test_nobody_is_armed(self):
        done = self.osdbg('ps')
        self.assertEqual((0, ''), (done.returncode, done.stdout))
        self.assertIn('no process of yours is armed: start', done.stderr)
        self.assertEqual([], self.ps())
        for command, word in (('ps', 'nova-api'), ('ps', ''), ('doctor', '')):
            done = self.osdbg(command, '--json', word)
            self.assertEqual((1, ''), (done.returncode, done.stdout))
            self.assertIn('no process of yours is armed', done.stderr)

    def test_watch_before_it_is_there(self):
        program = terminal.Program(
            ['env', 'TERM=xterm', sys.executable]
            + ['-m', 'osdbg', 'ps', 'nova-api', '--watch', '0.1'],
            TIMEOUT,
            self.environ,
        )
        self.addCleanup(program.hang_up)
        program.expect('no process of yours is armed')
        self.start(name='cinder-api')
        program.expect('nova-api is not armed')
        program.press('\x03')
        self.assertEqual(130, program.wait())

    def test_watch(self):
        self.start(name='nova-api')
        program = terminal.Program(
            ['env', 'TERM=xterm', sys.executable]
            + ['-m', 'osdbg', 'ps', '--watch', '0.1'],
            TIMEOUT,
            self.environ,
        )
        self.addCleanup(program.hang_up)
        for _ in range(3):
            program.expect(r'\x1b\[H\x1b\[J')
            program.expect('nova-api')
        client = self.attach(self.port)
        program.expect('attached')
        client.detach()
        program.expect('armed')
        program.press('\x03')
        self.assertEqual(130, program.wait())
        self.assertNotIn('Traceback', program.text)


class PromptPsTest(PromptTestCase):
    def told(self, worker):
        done = self.osdbg('ps', '--json', str(worker.pid))
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return json.loads(done.stdout)[0]

    def test_a_prompt_is_a_stop(self):
        worker = self.serve(name='nova-api')
        pending = worker.get_later('/breakpoint')
        client = self.prompt()
        told = self.told(worker)
        self.assertEqual('stopped', told['state'])
        # Since Python 3.13 that is where it says breakpoint(), and no later.
        shown = re.search(r'> (\S+)\((\d+)\)stop_here', client.transcript)
        self.assertEqual(APP, shown[1])
        self.assertEqual(f'{APP}:{shown[2]}', told['stopped']['where'])
        self.assertIn('python', told['client']['program'])
        client.type('c')
        self.assert_answered(pending, answer='unchanged')
        wait_until(
            'armed again', lambda: self.told(worker)['state'] == 'armed'
        )
        self.assertEqual({}, self.told(worker)['client'])


class CompletionTest(OneServiceTestCase):
    def complete(self, line):
        """Return what bash offers at the end of a line."""
        command = os.path.join(self.directory, 'osdbg')
        with open(command, 'w') as file:
            file.write(f'#!/bin/sh\nexec {sys.executable} -m osdbg "$@"\n')
        os.chmod(command, 0o755)
        path = f'{self.directory}:{os.environ["PATH"]}'
        script = (
            'eval "$(osdbg completion bash)"\n'
            'spec=($(complete -p osdbg)); words=($COMP_LINE)\n'
            'for ((i = 0; i < ${#spec[@]}; i++)); do\n'
            '  [ "${spec[i]}" != -F ] || function=${spec[i + 1]}\n'
            'done\n'
            'COMP_TYPE=9 COMP_POINT=${#COMP_LINE} COMP_WORDS=("${words[@]}")\n'
            '$function osdbg\n'
            'printf "%s\\n" "${COMPREPLY[@]}"\n'
        )
        done = subprocess.run(
            ['bash', '--norc', '-c', script],
            env=dict(self.environ, PATH=path, COMP_LINE=line),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        self.assertEqual('', done.stderr)
        return [word.strip() for word in done.stdout.split('\n') if word]

    def test_commands_and_processes(self):
        (worker,) = self.start(name='nova-api')
        self.assertEqual(['ps'], self.complete('osdbg p'))
        self.assertEqual(['--watch'], self.complete('osdbg ps --w'))
        for command in ('ps', 'open', 'close', 'attach'):
            found = self.complete(f'osdbg {command} nova')
            self.assertEqual(['nova-api', 'nova-api/0'], found)
        self.assertIn(str(worker.pid), self.complete('osdbg close '))
        self.service.stop()
        wait_until(
            'nobody to complete',
            lambda: not self.complete('osdbg ps nova'),
        )
