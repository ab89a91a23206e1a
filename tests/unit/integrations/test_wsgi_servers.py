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

"""What uWSGI finds of osdbg: its module, its hook, its names."""

from __future__ import annotations

import sys
import types
from typing import Any
import unittest
from unittest import mock

from osdbg.integrations import uwsgi
from osdbg.integrations import wsgi_servers


class UwsgiTestCase(unittest.TestCase):
    def setUp(self) -> None:
        self.armed: list[Any] = []
        patches: tuple[Any, ...] = (
            mock.patch.dict(sys.modules),
            mock.patch.object(uwsgi, '_master', None),
            mock.patch('osdbg.bootstrap.arm', self.armed.append),
            mock.patch('osdbg.program._given', ''),
            mock.patch('osdbg.bootstrap._complaints', set()),
        )
        for patch in patches:
            patch.start()
            self.addCleanup(patch.stop)
        sys.modules.pop('uwsgi', None)

    def fill(self, **names: Any) -> Any:
        """Do what uWSGI does with the module that it finds."""
        module = sys.modules.setdefault('uwsgi', types.ModuleType('uwsgi'))
        module.__dict__.update(
            {'worker_id': lambda: 0, 'mule_id': lambda: 0, 'opt': {}, **names}
        )
        return module

    def fork(self, module: Any, **names: Any) -> Any:
        """Do what uWSGI does in a worker: look into the dictionary."""
        module.__dict__.update({'worker_id': lambda: 1, **names})
        hook = module.__dict__.get('post_fork_hook')
        return hook() if hook is not None else None


class TestHook(UwsgiTestCase):
    def test_each_worker_is_armed(self) -> None:
        uwsgi.prepare()
        module = self.fill()
        self.assertFalse(hasattr(module, 'post_fork_hook'))
        self.fork(module)
        self.assertEqual([None], self.armed)
        self.assertIs(types.ModuleType, type(module))
        self.assertNotIn('post_fork_hook', vars(module))

    def test_a_hook_that_is_set_later_is_called_too(self) -> None:
        uwsgi.prepare()
        module = self.fill()

        def theirs() -> str:
            return f'called after {len(self.armed)}'

        module.post_fork_hook = theirs
        self.assertIs(theirs, module.post_fork_hook)
        self.assertEqual('called after 1', self.fork(module))
        self.assertIs(theirs, vars(module)['post_fork_hook'])

    def test_a_hook_that_was_there(self) -> None:
        module = self.fill(post_fork_hook=lambda: 'theirs')
        uwsgi.arm('conf')
        self.assertEqual('theirs', self.fork(module))
        self.assertEqual(['conf'], self.armed)

    def test_a_hook_that_is_deleted(self) -> None:
        uwsgi.prepare()
        module = self.fill()
        module.post_fork_hook = list
        del module.post_fork_hook
        self.assertFalse(hasattr(module, 'post_fork_hook'))
        self.fork(module)
        self.assertEqual([None], self.armed)

    def test_a_worker_that_loads_the_application_itself(self) -> None:
        self.fill(worker_id=lambda: 2)
        uwsgi.arm('conf')
        self.assertEqual(['conf'], self.armed)

    def test_our_failure_is_not_theirs(self) -> None:
        uwsgi.prepare()
        module = self.fill()
        module.post_fork_hook = lambda: 'theirs'
        with mock.patch('osdbg.bootstrap.arm', side_effect=ValueError('x')):
            with self.assertLogs('osdbg', 'WARNING') as logs:
                self.assertEqual('theirs', self.fork(module))
        self.assertIn('osdbg is off in this worker', logs.output[0])


class TestThreads(UwsgiTestCase):
    def start(self, worker: int, respawns: int) -> None:
        uwsgi.prepare()
        module = self.fill(
            has_threads=0, workers=lambda: [{'respawn_count': respawns}]
        )
        self.fork(module, worker_id=lambda: worker)
        self.assertEqual([], self.armed)

    def test_one_line_says_what_to_set(self) -> None:
        with self.assertLogs('osdbg', 'WARNING') as logs:
            self.start(1, 0)
        self.assertEqual(1, len(logs.output))
        self.assertTrue(logs.output[0].endswith('enable-threads = true'))

    def test_without_a_master(self) -> None:
        with self.assertLogs('osdbg', 'WARNING'):
            self.start(1, 2**64 - 1)

    def test_not_again(self) -> None:
        for worker, respawns in ((1, 1), (2, 0)):
            with mock.patch('osdbg.bootstrap.complain') as complain:
                self.start(worker, respawns)
            complain.assert_not_called()
            sys.modules.pop('uwsgi')
            uwsgi._master = None


class TestApplication(UwsgiTestCase):
    def test_names(self) -> None:
        for options, name in (
            (
                {'module': b'keystone.wsgi.api:application'},
                'keystone.wsgi.api',
            ),
            ({'wsgi-file': b'/usr/bin/nova-api-wsgi'}, 'nova-api-wsgi'),
            ({'wsgi-file': b'/srv/app.py', 'procname': b'x'}, 'app'),
            ({'mount': [b'/a=one.api:app', b'/b=two.py']}, 'one.api'),
            ({'paste': b'config:/etc/glance/api-paste.ini'}, 'api-paste'),
            ({'procname-prefix-spaced': b'placement '}, 'placement'),
            ({'module': True}, 'uwsgi'),
            ({}, 'uwsgi'),
        ):
            with self.subTest(options):
                module = types.SimpleNamespace(opt=options)
                self.assertEqual(name, uwsgi._application(module))


class TestServers(unittest.TestCase):
    def test_python_is_not_uwsgi(self) -> None:
        with mock.patch.dict('os.environ', {'UWSGI_RELOADS': '0'}):
            self.assertFalse(wsgi_servers.forks_in_c())

    def test_arm_workers_elsewhere(self) -> None:
        with mock.patch('osdbg.bootstrap.arm') as arm:
            wsgi_servers.arm_workers('conf')
        arm.assert_called_once_with('conf')

    def test_do_and_undo(self) -> None:
        class Arbiter:
            def run(self) -> str:
                return 'ran'

        original = Arbiter.run
        host = types.ModuleType('gunicorn.arbiter')
        host.Arbiter = Arbiter  # type: ignore[attr-defined]
        integration = wsgi_servers.WsgiIntegration()
        with mock.patch('osdbg.bootstrap.launch') as launch:
            integration.loaded(host)
            self.assertEqual('ran', Arbiter().run())
        launch.assert_called_once_with()
        integration.undo()
        self.assertIs(original, Arbiter.run)
