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

"""``osdbg demo``, as a person runs it."""

import importlib.util
import json
import re
import signal
import socket
import sys
import time
import unittest

from tests.functional import dap
from tests.functional.harness import command_line
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import GRACE
from tests.functional.harness import http_get
from tests.functional.harness import kill
from tests.functional.harness import Process
from tests.functional.harness import processes_with
from tests.functional.harness import wait_until

SECONDS = 60
NEEDED = {'eventlet': 'eventlet', 'threading': 'oslo_service.backend'}
SAID = [
    r'worker 0 \[\d+\] +armed',
    r'worker 1 \[\d+\] +armed',
    r'worker 2 \[\d+\] +armed',
    r'A client attaches, once, to 127\.0\.0\.1:\d+',
    r'worker 0 \[\d+\] +attached after',
    r'A breakpoint at /\S+/demo_service\.py:\d+',
    r'worker 0 \[\d+\] +stopped at demo_service\.py:\d+ in say_hello\(\)',
    r"visitor = 'Ada'",
    r'stepped over time\.sleep\(\) to demo_service\.py:\d+',
    r'answered 200: Hello Ada',
    r'worker 1 \[\d+\] +stopped at',
    r'answered 200: Hello Grace',
    r'worker 2 \[\d+\] +stopped at',
    r'answered 200: Hello Barbara',
    r'Worker 2 \[\d+\] is killed',
    r'worker 2 \[\d+\] +is its successor, and has joined',
    r'answered 200: Hello Margaret',
    r'before, armed +\d+/s',
    r'during, attached +\d+/s',
    r'after, detached +\d+/s',
    r'All of it happened\.',
]


class Demo(Process):
    """A running demo."""

    def __init__(self, environ, *arguments):
        argv = [sys.executable, '-m', 'osdbg', 'demo', *arguments]
        super().__init__(argv, environ, ' '.join(['demo', *arguments]))

    @property
    def port(self):
        return int(self.wait_log(r'once, to 127\.0\.0\.1:(\d+)')[0].group(1))

    def descendants(self):
        """The service's processes and the gateway."""
        return processes_with(
            'OSDBG_SOCKET', f'osdbg-demo-{self.pid}-{self.port}'
        )


class DemoTest(FunctionalTestCase):
    def start(self, *arguments):
        mode = 'threading' if '--threading' in arguments else 'eventlet'
        try:
            found = importlib.util.find_spec(NEEDED[mode])
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise unittest.SkipTest(f'no {NEEDED[mode]} in this version')
        demo = Demo(dict(self.environ, LC_ALL='C.UTF-8'), *arguments)
        self.processes.append(demo)
        self.addCleanup(demo.kill)
        return demo

    def assert_cleaned_up(self, demo):
        wait_until(
            'end of all processes', lambda: not demo.descendants(), GRACE + 10
        )
        with socket.socket() as probe:
            self.assertNotEqual(0, probe.connect_ex(('127.0.0.1', demo.port)))

    def assert_said(self, demo):
        left = demo.log
        for pattern in SAID:
            found = re.search(pattern, left)
            self.assertIsNotNone(found, f'{pattern!r} not in\n{left}')
            left = left[found.end() :]
        self.assertNotIn('\x1b', demo.log)

    def play(self, *arguments):
        started = time.monotonic()
        demo = self.start(*arguments)
        code = demo.wait(SECONDS)
        self.assertLess(time.monotonic() - started, SECONDS)
        wait_until('end of the output', lambda: 'happened' in demo.log)
        self.assertEqual(0, code)
        self.assert_said(demo)
        self.assert_cleaned_up(demo)

    def test_eventlet(self):
        self.play()

    def test_threading(self):
        self.play('--threading')

    def test_keep(self):
        demo = self.start('--keep')
        demo.wait_log(r'until Ctrl-C', timeout=SECONDS)
        self.assert_said(demo)
        text = re.search(r'^\{$.*?^\}$', demo.log, re.M | re.S).group()
        configuration = json.loads(text)['configurations'][0]
        self.assertEqual(
            ('debugpy', 'attach', demo.port),
            (
                configuration['type'],
                configuration['request'],
                configuration['connect']['port'],
            ),
        )
        client = dap.Client(demo.port)
        self.clients.append(client)
        client.attach()
        client.wait_attached(3)
        client.detach()
        port = int(re.search(r'curl .*:(\d+)/hello', demo.log).group(1))
        status, answer = http_get(port, '/hello?name=you')
        self.assertEqual(200, status)
        self.assertIn('Hello You', answer['hello'])
        demo.signal(signal.SIGINT)
        self.assertEqual(0, demo.wait())
        self.assert_cleaned_up(demo)

    def test_interrupted(self):
        for signum in (signal.SIGINT, signal.SIGTERM):
            demo = self.start()
            demo.wait_log(r'stopped at')
            demo.signal(signum)
            self.assertEqual(130, demo.wait())
            self.assertNotIn('Traceback', demo.log)
            self.assert_cleaned_up(demo)

    def test_service_dies(self):
        demo = self.start()
        pids = [
            int(found.group(1))
            for found in demo.wait_log(r'worker \d \[(\d+)\] +armed', 3)
        ]
        demo.wait_log(r'once, to')
        service = next(
            pid
            for pid in demo.descendants()
            if pid not in pids and 'demo_service' in command_line(pid)
        )
        for pid in (service, *pids):
            kill(pid)
        self.assertEqual(1, demo.wait())
        wait_until('the reason', lambda: 'osdbg demo: ' in demo.log, 5)
        self.assertNotIn('Traceback', demo.log)
        self.assertNotIn('happened', demo.log)
        self.assert_cleaned_up(demo)
