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

"""``osdbg doctor``: is osdbg on in a process, and may clients come?"""

import json
import os
import signal
import subprocess
import sys
import unittest
import venv

from osdbg import environment
from tests.functional import doctor_case
from tests.functional.harness import free_port
from tests.functional.harness import ROOT
from tests.functional.harness import TIMEOUT
from tests.functional.harness import wait_until
from tests.functional.stranger import NOBODY

WAIT = '''
import signal
print("READY", flush=True)
signal.pause()
'''
# Who need not be able to read what Python is made of.
AS_NOBODY = f'''
import gettext, json, locale, os, shutil, sys, textwrap
from osdbg.cli import doctor, main
from osdbg import doctor
for family in doctor.families():
    pass
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
sys.exit(main.main())
'''


@unittest.skipUnless(os.geteuid() == 0, 'takes root')
class StrangerTest(doctor_case.DoctorTestCase):
    def test_not_yours(self):
        process = self.script(WAIT)
        done = subprocess.run(
            [sys.executable, '-c', AS_NOBODY, 'doctor', '--json']
            + [str(process.pid)],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        self.assertEqual((1, ''), (done.returncode, done.stderr))
        (finding,) = (
            each
            for each in json.loads(done.stdout)['findings']
            if each['check'] == 'not-yours'
        )
        self.assertEqual(f'sudo osdbg doctor {process.pid}', finding['type'])


class UnarmedTest(doctor_case.DoctorTestCase):
    def config(self, **options):
        return ('--config-file', self.write_config(**options))

    def test_off(self):
        process = self.script(WAIT)
        finding = self.find('off', process.pid)
        self.assertIn(f'osdbg run -- {sys.executable} ', finding['type'])
        self.assertEqual([f'svc.py [{process.pid}]'], finding['processes'])

    def test_off_by_name(self):
        process = self.script(WAIT, name=f'svc-{os.getpid()}.py')
        finding = self.find('off', f'svc-{os.getpid()}')
        self.assertIn(str(process.pid), finding['processes'][0])

    def test_disabled(self):
        process = self.script(
            WAIT, environ={'OSDBG_DISABLE': '1', 'OS_REMOTE_DEBUG__PORT': '1'}
        )
        what = self.find('disabled', process.pid)['what']
        self.assertIn('OSDBG_DISABLE=1', what)

    def test_disabled_with_a_word_that_means_no(self):
        process = self.script(WAIT, environ={'OSDBG_DISABLE': 'no'})
        self.assert_absent('disabled', process.pid)

    def test_nobody_calls(self):
        for process, source in (
            (
                self.script(WAIT, arguments=self.config(port=5999)),
                self.directory,
            ),
            (
                self.script(WAIT, environ={'OS_REMOTE_DEBUG__PORT': '5999'}),
                'OS_REMOTE_DEBUG__PORT',
            ),
            (
                self.script(WAIT, arguments=('--remote_debug-port=5999',)),
                'the command line',
            ),
        ):
            with self.subTest(source=source):
                what = self.find('nobody-calls', process.pid)['what']
                self.assertIn('port 5999', what)
                self.assertIn(source, what)

    def test_option_refused(self):
        process = self.script(WAIT, arguments=self.config(port='many'))
        finding = self.find('option-refused', process.pid)
        self.assertIn('[remote_debug] port = many', finding['what'])
        self.assertIn(self.directory, finding['type'])

    def test_not_importable(self):
        home = os.path.join(self.directory, 'venv')
        venv.create(home, with_pip=False, symlinks=True)
        path = self.file('svc.py', WAIT)
        process = self.play(
            f'{home}/bin/python',
            path,
            environ={'OS_REMOTE_DEBUG__PORT': '5999', 'PYTHONPATH': ''},
        )
        finding = self.find('not-importable', process.pid)
        self.assertIn(f'{home}/bin/pip install osdbg', finding['type'])
        # Where it has one, that is not the reason.
        site = subprocess.check_output(
            [f'{home}/bin/python', '-c']
            + ['import site; print(site.getsitepackages()[0])'],
            text=True,
        ).strip()
        self.file(f'{site}/osdbg.pth', f'{ROOT}\n')
        self.assert_absent('not-importable', process.pid)

    def test_isolated(self):
        variables = {
            'OS_REMOTE_DEBUG__PORT': str(free_port()),
            'PYTHONPATH': environment.python_path(str(ROOT)),
        }
        for flag, letter in (('-I', '-I'), ('-uE', '-E')):
            process = self.script(WAIT, flag, environ=variables)
            what = self.find('isolated', process.pid)['what']
            self.assertIn(letter, what)

    def test_not_python(self):
        process = self.play('sh', '-c', 'echo READY; sleep 60; true')
        finding = self.find('not-python', process.pid)
        self.assertIn(f'pgrep -P {process.pid}', finding['type'])

    def test_no_such_process(self):
        done = self.osdbg('doctor', '999999999')
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertRegex(done.stderr, r'^osdbg doctor: no process [^\n]*\n$')

    def test_words_that_cannot_be(self):
        for words in (('a.py:1', 'b.py:2'), ('one', 'two'), ('a', 'b', 'c')):
            done = self.osdbg('doctor', *words)
            self.assertEqual((2, ''), (done.returncode, done.stdout))
            self.assertIn('at the most one', done.stderr)


class ArmedTest(doctor_case.DoctorTestCase):
    def start(self, **options):
        self.port = free_port()
        self.service = self.start_service(port=self.port, **options)
        workers = self.service.wait_workers(options.get('workers', 1))
        wait_until(
            'armed workers',
            lambda: (
                {worker.pid for worker in workers}
                <= {
                    pid
                    for pid, told in self.processes_told().items()
                    if told['worker'] is not None
                }
            ),
        )
        return workers

    def test_all_is_well(self):
        self.start(engine='eventlet', workers=2)
        found = self.assert_healthy()
        self.assertIn(f'127.0.0.1:{self.port}', found['armed'][0]['what'])
        (ptrace,) = found['ptrace']
        self.assertEqual('ok', ptrace['level'])
        done = self.osdbg('doctor')
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertIn('no problems found', done.stdout)

    def test_unattached(self):
        (worker,) = self.start()
        self.assertEqual('note', self.find('unattached')['level'])
        client = self.attach(self.port)
        self.assert_absent('unattached')
        client.detach()

    def test_door_closed(self):
        (worker,) = self.start(activate='on_demand')
        finding = self.find('door-closed')
        words = finding['type'].split()
        self.assertEqual('osdbg', words[0])
        self.assertEqual(0, self.osdbg(*words[1:]).returncode)
        self.assert_absent('door-closed')

    def test_left_out(self):
        config = {'OS_REMOTE_DEBUG__WORKERS': 'first'}
        first, second = self.start(
            engine='eventlet', workers=2, environ=config
        )
        finding = self.find('left-out')
        self.assertIn('workers = first', finding['what'])
        self.assertEqual(1, len(finding['processes']))

    def test_standing(self):
        (worker,) = self.start()
        client = self.attach(self.port, 'handler')
        pending = worker.get_later('/work')
        stop = client.wait_stopped()
        self.assertIn('api_app.py', self.find('standing')['what'])
        stop.resume()
        self.assert_answered(pending)
        self.assert_absent('standing')
        client.detach()

    def test_mute(self):
        (worker,) = self.start()
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            what = self.find('mute')['what']
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        self.assertIn(f'kill -CONT {worker.pid}', what)

    def test_launcher(self):
        self.start(engine='eventlet', workers=2)
        finding = self.find('launcher', self.service.pid)
        self.assertIn('launcher = true', finding['type'])
        self.assert_absent('launcher')
