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

"""Keystone, unmodified, under uWSGI, debugged through one port."""

import signal

from tests.functional import dap
from tests.functional.harness import free_port
from tests.functional.harness import wait_until
from tests.openstack import cases
from tests.openstack.keystone import KeystoneTestCase
from tests.openstack.keystone import THREADS

VERSION_CODE = ('keystone/api/discovery.py', "versions['v3'] = {")
TOKEN_CODE = (
    'keystone/api/auth.py',
    'token = authentication.authenticate_for_token(auth_data)',
)
REQUEST_THREADS = cases.WORKERS * THREADS
ROUNDS = 8


class KeystoneTest(KeystoneTestCase):
    """Start with the lines of ``osdbg env --uwsgi``; attach; stop; detach."""

    def place(self, code):
        module, line = code
        path = self.module(module)
        return path, cases.line_with(path, line)

    def attach_to_keystone(self, port, keystone, *codes):
        client = self.client(port)
        for code in codes:
            client.break_at(*self.place(code))
        client.attach()
        for pid in keystone.wait_workers():
            client.wait_pid(pid)
        self.assertEqual(keystone.workers(), set(client.attached()))
        return client

    def assert_serving(self, keystone):
        """Use every thread of every worker."""
        pending = [
            keystone.get_version_later() for _ in range(2 * REQUEST_THREADS)
        ]
        for request in pending:
            self.assertEqual('v3.14', request.result())
        self.assertEqual('admin', keystone.log_in())

    def debug_logins(self, client, keystone):
        """Stop, look and go on until each worker has been seen."""
        seen = set()
        for _ in range(ROUNDS * cases.WORKERS):
            pending = keystone.log_in_later()
            stop = client.wait_stopped()
            self.assertEqual(self.place(TOKEN_CODE), (stop.path, stop.line))
            self.assertIn('password', stop.locals()['auth_data'])
            self.assertEqual(
                "'admin'",
                stop.evaluate(
                    "auth_data['identity']['password']['user']['name']"
                ),
            )
            seen.add(stop.session.pid)
            stop.resume()
            self.assertEqual('admin', pending.result())
            if seen == keystone.workers():
                return
        self.assertEqual(keystone.workers(), seen)

    def debug_all_threads(self, client, keystone):
        """Let each request of many stop, and every thread have one."""
        threads = set()
        for _ in range(ROUNDS):
            threads |= self.stop_many(client, keystone)
            if len(threads) == REQUEST_THREADS:
                return
        self.assertEqual(REQUEST_THREADS, len(threads), threads)

    def stop_many(self, client, keystone):
        """Return the threads that as many requests have stopped in."""
        pending = {
            f"'{number}'": keystone.get_version_later(f'?number={number}')
            for number in range(REQUEST_THREADS)
        }
        stopped = {}
        for stop in iter(lambda: self.stop_or_end(client, pending), None):
            stopped.update(self.requests_stopped(stop))
            stop.resume()
        for request in pending.values():
            self.assertEqual('v3.14', request.result())
        self.assertEqual(pending.keys(), stopped.keys())
        return set(stopped.values())

    def stop_or_end(self, client, pending):
        """Return the next stop, or None when all have been answered."""

        def probe():
            try:
                return (client.wait_stopped(timeout=0.05),)
            except TimeoutError:
                done = all(request.done for request in pending.values())
                return (None,) if done else ()

        return wait_until('stop', probe)[0]

    def requests_stopped(self, stop):
        """Return which requests stand at the breakpoint, and their threads.

        A process has one ``stopped`` event however many of its threads have
        come to the breakpoint before it is resumed.
        """
        found = {}
        for thread in stop.session.threads():
            other = dap.Stop(
                stop.session, dict(stop.body, threadId=thread['id'])
            )
            try:
                there = (other.path, other.line) == self.place(VERSION_CODE)
            except (dap.DapError, IndexError):
                continue  # it runs, in C
            if there:
                number = other.evaluate("request.args['number']")
                found[number] = (stop.session.pid, thread['id'])
        return found

    def play(self, lazy_apps):
        plain = self.end_plain(lazy_apps)
        port = free_port()
        keystone = self.start_keystone(lazy_apps=lazy_apps, port=port)
        workers = keystone.workers()
        self.assert_serving(keystone)
        client = self.attach_to_keystone(port, keystone, TOKEN_CODE)
        self.debug_logins(client, keystone)
        client.detach()
        self.assert_serving(keystone)
        client = self.attach_to_keystone(port, keystone, VERSION_CODE)
        self.debug_all_threads(client, keystone)
        client.detach()
        self.assert_serving(keystone)
        self.assertEqual(workers, keystone.workers())
        self.assert_ended_like(plain, cases.Ending(keystone))

    def end_plain(self, lazy_apps):
        """Run the service without osdbg and return how it ended."""
        keystone = self.start_keystone(lazy_apps=lazy_apps)
        self.assert_serving(keystone)
        return cases.Ending(keystone)

    def test_loaded_by_the_master(self):
        self.play(lazy_apps=False)

    def test_loaded_by_each_worker(self):
        self.play(lazy_apps=True)

    def test_reload(self):
        """Debug the workers that a reload has made."""
        port = free_port()
        keystone = self.start_keystone(lazy_apps=True, port=port)
        before = keystone.workers()
        keystone.signal(signal.SIGHUP)
        wait_until('old workers gone', lambda: not before & keystone.workers())
        keystone.wait_serving()
        client = self.attach_to_keystone(port, keystone, TOKEN_CODE)
        self.debug_logins(client, keystone)
        client.detach()
        self.assert_serving(keystone)
        self.assertEqual(0, keystone.stop()[0])
