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

"""``osdbg run``: services that know nothing of osdbg."""

import os
import pathlib
import subprocess
import sys

from tests.functional.harness import APP
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import kill
from tests.functional.harness import line_of
from tests.functional.harness import osdbg_run
from tests.functional.harness import over
from tests.functional.harness import Process
from tests.functional.harness import PROGRAMS
from tests.functional.harness import ROOT
from tests.functional.harness import spread

ENGINES = ('eventlet', 'thread_false', 'threading', 'none')
LAUNCHED = ('eventlet', 'threading')
SCRIPT = str(PROGRAMS / 'script.py')
OURS = ('OS_REMOTE_DEBUG', 'OSDBG_DEFAULT', 'OSDBG_FOLLOW', 'OSDBG_INJECT')


class RunTestCase(FunctionalTestCase):
    def start(self, *options, engine='eventlet', workers=1, **settings):
        """Start the service as it is, under ``osdbg run``."""
        self.port = free_port()
        service = self.start_service(
            engine=engine,
            workers=workers,
            init='never',
            runner=osdbg_run(*options, port=self.port),
            **settings,
        )
        self.service = service
        return service.workers()

    def stop_in(self, client, worker):
        session = client.wait_pid(worker.pid)
        pending = worker.get_later('/work?answer=original')
        stop = client.wait_stopped()
        self.assertIs(session, stop.session)
        self.assert_at(stop, 'handler')
        self.assertEqual("'original'", stop.locals()['answer'])
        stop = self.step_to_the_end(stop)
        stop.resume()
        self.assert_answered(pending, pid=worker.pid)

    def run_script(self, *words, runner=(), environ=None):
        """Start the script that does what its words say."""
        process = Process(
            [*runner, sys.executable, SCRIPT, *words],
            dict(self.environ, **(environ or {})),
            'script',
        )
        self.processes.append(process)
        return process


@spread
class ScenarioTest(RunTestCase):
    @over(ENGINES)
    def test_every_worker(self, engine):
        workers = self.start(engine=engine, workers=3)
        before = [worker.state() for worker in workers]
        for _ in range(2):
            client = self.attach(self.port, 'handler', processes=3)
            for worker in workers:
                self.stop_in(client, worker)
            self.assertEqual(
                {worker.pid for worker in workers}, set(client.attached())
            )
            client.detach()
            for worker, state in zip(workers, before):
                self.assert_undisturbed(worker, state)
        self.assertEqual(0, self.service.stop()[0])
        self.assert_no_complaint(self.service)

    @over(ENGINES)
    def test_leaves_no_residue(self, engine):
        (worker,) = self.start(engine=engine)
        state = worker.state()
        for name in state['environ']:
            self.assertFalse(name.startswith(OURS), name)
        for path in (*state['path'], state['environ']['PYTHONPATH']):
            self.assertNotIn('_site', path)
        self.assert_answered(worker.get_later('/spawn'), output='42')

    @over(LAUNCHED)
    def test_successor_joins(self, engine):
        workers = self.start(engine=engine, workers=2)
        client = self.attach(self.port, 'handler', processes=2)
        kill(workers[0].pid)
        successor = self.service.wait_successor(workers)
        self.stop_in(client, successor)
        self.stop_in(client, workers[1])

    @over(LAUNCHED)
    def test_launcher_on_request(self, engine):
        workers = self.start('--launcher', engine=engine, workers=2)
        pids = {worker.pid for worker in workers} | {self.service.pid}
        client = self.attach(self.port, 'handler', processes=3)
        self.assertEqual(pids, set(client.attached()))
        for worker in workers:
            self.stop_in(client, worker)


@spread
class WaitTest(RunTestCase):
    def start_waiting(self, *options, **settings):
        self.start(*options, wait=False, **settings)
        self.gateway()
        client = self.client(self.port)
        self.assertNotIn('LISTENING', self.service.log)
        return client

    @over(LAUNCHED)
    def test_workers_wait_as_well(self, engine):
        client = self.start_waiting(
            '--wait-for-client', engine=engine, workers=2
        )
        client.break_at(APP, line_of('handler'))
        client.attach()
        workers = self.service.wait_workers(2)
        for worker in workers:
            self.stop_in(client, worker)
        # The launcher, which was attached until then, is left alone.
        self.assertEqual([], client.root.threads())
        client.detach()
        self.assertEqual(0, self.service.stop()[0])

    @over(LAUNCHED)
    def test_stops_in_the_start_of_each_worker(self, engine):
        client = self.start_waiting(
            '--wait-for-client', engine=engine, workers=2
        )
        engines = str(PROGRAMS / 'api_engines.py')
        client.break_at(engines, line_of(f'start {engine}', engines))
        client.attach()
        pids = set()
        for _ in range(2):
            stop = client.wait_stopped()
            self.assert_at(stop, f'start {engine}', engines)
            pids.add(stop.session.pid)
            stop.resume()
        workers = self.service.wait_workers(2)
        self.assertEqual(pids, {worker.pid for worker in workers})

    def test_keeps_the_profile_function_that_was_there(self):
        directory = pathlib.Path(self.directory, 'site')
        directory.mkdir()
        (directory / 'sitecustomize.py').write_text(
            'import sys\n'
            'def theirs(frame, event, arg):\n'
            '    pass\n'
            'sys.setprofile(theirs)\n'
        )
        port = free_port()
        path = f'{directory}{os.pathsep}{self.environ["PYTHONPATH"]}'
        script = self.run_script(
            'profile',
            runner=osdbg_run('--wait-for-client', port=port),
            environ={'PYTHONPATH': path},
        )
        client = self.client(port)
        client.break_at(SCRIPT, line_of('profiled', SCRIPT))
        client.attach()
        stop = client.wait_stopped()
        self.assertIn("'theirs'", stop.locals()['name'])
        stop.resume()
        self.assertEqual(0, script.wait())

    def test_from_the_first_line(self):
        port = free_port()
        script = self.run_script(
            'say', runner=osdbg_run('--wait-for-client', port=port)
        )
        client = self.client(port)
        client.break_at(SCRIPT, line_of('first', SCRIPT))
        client.attach()
        stop = client.wait_stopped()
        self.assert_at(stop, 'first', SCRIPT)
        self.assertNotIn('SAID', script.log)
        stop.resume()
        self.assertEqual(0, script.wait())

    def test_suspends_at_the_first_line(self):
        port = free_port()
        script = self.run_script(
            'say', runner=osdbg_run('--suspend', port=port)
        )
        client = self.client(port)
        client.attach()
        stop = client.wait_stopped()
        self.assertEqual(SCRIPT, stop.path)
        self.assertNotIn('SAID', script.log)
        stop.resume()
        self.assertEqual(0, script.wait())


class RequiredTest(RunTestCase):
    def end(self, runner):
        script = self.run_script('say', runner=runner)
        code = script.wait()
        script._reader.join()
        return code, script.log

    def test_port_held_by_another(self):
        port = free_port()
        self.hold_port(port)
        code, log = self.end(osdbg_run('--required', port=port))
        self.assertEqual(1, code)
        self.assertEqual(1, log.count('\n'), log)
        self.assertIn(str(port), log)

    def test_bad_value(self):
        site = os.path.join(ROOT, 'osdbg', '_site')
        path = f'{site}{os.pathsep}{self.environ["PYTHONPATH"]}'
        script = self.run_script(
            'say',
            environ={
                'PYTHONPATH': path,
                'OS_REMOTE_DEBUG__PORT': '99999',
                'OS_REMOTE_DEBUG__REQUIRED': 'true',
            },
        )
        self.assertEqual(1, script.wait())
        script._reader.join()
        self.assertEqual(1, script.log.count('\n'), script.log)
        self.assertIn('99999', script.log)

    def test_not_required(self):
        port = free_port()
        self.hold_port(port)
        code, log = self.end(osdbg_run(port=port))
        self.assertEqual(0, code)
        self.assertIn('SAID', log)


class SourcesTest(RunTestCase):
    def reach(self, port):
        (worker,) = self.service.wait_workers()
        self.stop_in(self.attach(port, 'handler'), worker)

    def test_file_beats_the_default(self):
        port = free_port()
        self.service = self.start_service(
            engine='eventlet', init='never', runner=osdbg_run(), port=port
        )
        self.reach(port)

    def test_option_beats_the_file(self):
        port = free_port()
        self.service = self.start_service(
            engine='eventlet',
            init='never',
            runner=osdbg_run(port=port),
            port=free_port(),
        )
        self.reach(port)

    def test_file_adds_to_the_option(self):
        port = free_port()
        self.service = self.start_service(
            engine='eventlet',
            init='never',
            workers=2,
            runner=osdbg_run(port=port),
            name='my-api',
        )
        client = self.attach(port, 'handler', processes=2)
        self.assertTrue(client.announced[0]['name'].startswith('my-api '))

    def test_file_beats_the_default_in_a_service_without_oslo_service(self):
        # Nobody tells osdbg of the file: it stays what the runner said.
        self.start(engine='none', port=free_port())
        self.reach(self.port)


class ExecTest(RunTestCase):
    def child(self, *options):
        """Start a script that starts a script; return the process."""
        self.port = free_port()
        return self.run_script(
            'child', runner=osdbg_run(*options, port=self.port)
        )

    def test_children_are_not_touched(self):
        script = self.child()
        match = script.wait_log(r'CHILD (\d+) armed (\w+)')[0]
        self.assertEqual('False', match.group(2))

    def test_follow_exec(self):
        script = self.child('--follow-exec')
        match = script.wait_log(r'CHILD (\d+) armed (\w+)')[0]
        self.assertEqual('True', match.group(2))
        client = self.attach(self.port, processes=2)
        self.assertIn(int(match.group(1)), client.attached())


class SiteTest(RunTestCase):
    """The sitecustomize that ours stands before."""

    def hidden(self, text):
        directory = pathlib.Path(self.directory, 'path')
        directory.mkdir()
        (directory / 'sitecustomize.py').write_text(text)
        path = f'{directory}{os.pathsep}{self.environ["PYTHONPATH"]}'
        return {'PYTHONPATH': path}

    def play(self, environ):
        """Return what the script says of its environment."""
        alone = self.run_script('environment', environ=environ)
        self.assertEqual(0, alone.wait())
        ours = self.run_script(
            'environment',
            runner=osdbg_run(port=free_port()),
            environ=environ,
        )
        self.assertEqual(0, ours.wait())
        for process in (alone, ours):
            process._reader.join()
        return alone.log, ours.log

    def test_is_run(self):
        alone, ours = self.play(self.hidden('import sys; sys.hidden = "yes"'))
        self.assertIn("hidden 'yes'", alone)
        self.assertEqual(alone, ours)

    def test_fails_as_it_would(self):
        alone, ours = self.play(self.hidden('import nothing_of_that_name'))
        error = alone[: alone.index('sitecustomize None')]
        self.assertIn('Error in sitecustomize', error)
        # osdbg itself is a Python program that has one.
        self.assertEqual(error + alone, ours)

    def test_is_missing(self):
        # But for Debian's, which is on a path of its own.
        alone, ours = self.play({})
        self.assertRegex(alone, 'sitecustomize (None|/usr/lib/python)')
        self.assertEqual(alone, ours)

    def test_the_systems_own(self):
        python = '/usr/bin/python3'
        if not os.path.exists('/etc/python3.11/sitecustomize.py'):
            return  # not a Debian: nothing is hidden there
        said = []
        for runner in ((), osdbg_run('--inject', port=free_port())):
            done = subprocess.run(
                [*runner, python, SCRIPT, 'environment'],
                env=self.environ,
                capture_output=True,
                text=True,
                check=True,
            )
            said.append(done.stdout + done.stderr)
        self.assertIn('/sitecustomize.py', said[0])
        self.assertEqual(said[0], said[1])


class RefusedTest(RunTestCase):
    def refuse(self, *words, options=(), status=1):
        done = subprocess.run(
            [*osdbg_run(*options), *words],
            env=self.environ,
            capture_output=True,
            text=True,
        )
        self.assertEqual((status, ''), (done.returncode, done.stdout))
        line = done.stderr
        self.assertEqual(1, line.count('\n'), line)
        self.assertTrue(line.startswith('osdbg run: '), line)
        return line

    def test_nothing_to_run(self):
        self.assertIn('osdbg run -- COMMAND', self.refuse())

    def test_unknown_program(self):
        line = self.refuse('nova-conduktor')
        self.assertIn('nova-conduktor', line)

    def test_isolated_python(self):
        self.assertIn('-I', self.refuse(sys.executable, '-I', SCRIPT))
        self.assertIn('-E', self.refuse(sys.executable, '-uE', '-m', 'site'))

    def test_isolated_shebang(self):
        path = pathlib.Path(self.directory, 'program')
        path.write_text(f'#!{sys.executable} -sI\nprint(1)\n')
        path.chmod(0o755)
        self.assertIn('-I', self.refuse(str(path)))

    def test_setuid(self):
        path = pathlib.Path(self.directory, 'program')
        path.write_text('#!/bin/sh\n')
        path.chmod(0o4755)
        self.assertIn('osdbg run', self.refuse(str(path), 'ls'))

    def test_sudo(self):
        path = pathlib.Path(self.directory, 'sudo')
        path.write_text('#!/bin/sh\n')
        path.chmod(0o755)
        line = self.refuse(str(path), 'nova-api')
        self.assertIn('sudo osdbg run -- nova-api', line)

    def test_bad_option(self):
        line = self.refuse(sys.executable, SCRIPT, options=('--port', '99999'))
        self.assertIn('99999', line)


class OtherEnvironmentTest(RunTestCase):
    """A service whose virtual environment knows nothing of osdbg."""

    def setUp(self):
        super().setUp()
        path = pathlib.Path(self.directory, 'venv')
        subprocess.run(
            [sys.executable, '-m', 'venv', '--without-pip', str(path)],
            check=True,
        )
        self.python = str(path / 'bin' / 'python')
        self.program = path / 'bin' / 'program'
        source = pathlib.Path(SCRIPT).read_text()
        self.program.write_text(f'#!{self.python}\n{source}')
        self.program.chmod(0o755)
        # Without the tree's own copy of osdbg.
        self.home = {**self.environ, 'PYTHONPATH': ''}

    def runner(self, *options):
        """Return words that run osdbg from its own environment."""
        code = (
            f'import sys; sys.path[:0] = {self.environ["PYTHONPATH"]!r}'
            f'.split({os.pathsep!r}); from osdbg.cli.main import main; '
            f'sys.exit(main())'
        )
        return [sys.executable, '-c', code, 'run', *options, '--']

    def test_says_what_to_install(self):
        done = subprocess.run(
            [*self.runner(), str(self.program), 'say'],
            env=self.home,
            capture_output=True,
            text=True,
        )
        self.assertEqual(1, done.returncode)
        self.assertIn(f'{self.python} -m pip install osdbg', done.stderr)
        self.assertIn('--inject', done.stderr)

    def start(self, *options):
        return subprocess.run(
            [*self.runner('--inject', *options), str(self.program), 'say'],
            env=self.home,
            capture_output=True,
            text=True,
        )

    def test_refuses_in_one_line_without_oslo_config(self):
        port = free_port()
        self.hold_port(port)
        done = self.start('--required', '--port', str(port))
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn(str(port), done.stderr)

    def test_runs_on_without_oslo_config(self):
        self.home['OS_REMOTE_DEBUG__LOG_DIR'] = '/tmp'
        port = free_port()
        self.hold_port(port)
        done = self.start('--port', str(port))
        self.assertEqual((0, 'SAID\n'), (done.returncode, done.stdout))

    def test_inject_follows(self):
        port = free_port()
        done = subprocess.run(
            [
                *self.runner('--inject', '--follow-exec', '--port', str(port)),
                *(str(self.program), 'grandchild'),
            ],
            env=self.home,
            capture_output=True,
            text=True,
        )
        self.assertIn('armed True', done.stdout, done.stderr)
        self.assertNotIn('osdbg is off', done.stderr)

    def test_inject(self):
        port = free_port()
        program = Process(
            [
                *self.runner('--inject', '--port', str(port)),
                str(self.program),
                'wait',
            ],
            self.home,
            'program',
        )
        self.processes.append(program)
        client = self.client(port)
        path = str(self.program)
        client.break_at(path, line_of('turn', path))
        client.attach()
        stop = client.wait_stopped()
        self.assert_at(stop, 'turn', path)
        self.assertEqual('False', stop.evaluate("'stevedore' in globals()"))
        stop.resume()
        client.detach()
