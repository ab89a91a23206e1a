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

"""The paste filter, in services that are deployed by a paste file."""

import http.client
from importlib import metadata
import json
import os
import pathlib
import shutil
import sys
import unittest

from tests.functional import harness
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import line_of
from tests.functional.harness import over
from tests.functional.harness import PROGRAMS
from tests.functional.harness import spread
from tests.functional.harness import wait_until

PASTE_APP = str(PROGRAMS / 'paste_app.py')
SERVERS = {'threads': 1, 'raw_threads': 1, 'eventlet': 2}
REQUEST_ID = 'req-0b5e55ed-0000-4000-8000-00000000c0de'
PASTE_FILE = """\
[composite:main]
use = call:paste_app:urlmap
/ = api
/second = other

[pipeline:api]
pipeline = remote_debug app

[pipeline:other]
pipeline = remote_debug app

[app:app]
paste.app_factory = paste_app:app_factory

[filter:remote_debug]
paste.filter_factory = osdbg.integrations.paste:filter_factory
"""


# Fork two workers with the application loaded; FILE and PORT are put in.
PREFORK = {
    'gunicorn': 'gunicorn --preload --workers 2 --bind 127.0.0.1:PORT '
    '--chdir PROGRAMS paste_wsgi:application',
    'uwsgi': 'uwsgi --master --die-on-term --enable-threads --processes 2 '
    '--http-socket 127.0.0.1:PORT --wsgi-file PROGRAMS/paste_wsgi.py',
}


class Service(harness.Service):
    """The service of ``programs/paste_service.py``."""

    def __init__(self, environ, config, paste_file, server):
        argv = [
            sys.executable,
            str(PROGRAMS / 'paste_service.py'),
            *('--server', server),
            *('--workers', str(SERVERS[server])),
            *('--config-file', config),
            *('--paste-file', paste_file),
        ]
        harness.Process.__init__(self, argv, environ, f'{server} service')


def installed():
    """Tell whether the entry points of osdbg can be found."""
    try:
        points = metadata.distribution('osdbg').entry_points
    except metadata.PackageNotFoundError:
        return False
    return 'paste.filter_factory' in {point.group for point in points}


def fetch(worker, path, **headers):
    """Return status and body, however much of it arrives."""
    connection = http.client.HTTPConnection(
        '127.0.0.1', worker.port, timeout=2 * harness.TIMEOUT
    )
    headers = {name.replace('_', '-'): v for name, v in headers.items()}
    try:
        connection.request('GET', path, headers=headers)
        response = connection.getresponse()
        try:
            return response.status, response.read()
        except http.client.IncompleteRead as error:
            return response.status, error.partial
    finally:
        connection.close()


def fetch_later(worker, path, **headers):
    return harness.Pending(lambda: fetch(worker, path, **headers))


class PasteTestCase(FunctionalTestCase):
    def setUp(self):
        super().setUp()
        self.port = free_port()

    def write_paste_file(self, paste_file=PASTE_FILE, **options):
        path = os.path.join(self.directory, 'api-paste.ini')
        lines = [f'{name} = {value}\n' for name, value in options.items()]
        pathlib.Path(path).write_text(paste_file + ''.join(lines))
        return path

    def start(
        self,
        server='threads',
        *,
        conf=None,
        environ=None,
        wait=True,
        **options,
    ):
        """Start the service; ``options`` go into the filter's section.

        :param conf: what goes into [remote_debug] of the service
        """
        if conf is None:
            options.setdefault('port', self.port)
        path = self.write_paste_file(**options)
        self.service = Service(
            dict(self.environ, **(environ or {})),
            self.write_config(**(conf or {})),
            path,
            server,
        )
        self.processes.append(self.service)
        return self.service.wait_workers(SERVERS[server]) if wait else []

    def stop_and_go(self, client, worker):
        pending = worker.get_later('/work')
        stop = client.wait_stopped()
        self.assert_at(stop, 'handler')
        stop.resume()
        self.assert_answered(pending, pid=worker.pid)

    def attach(self, *marks, workers=(), **options):
        client = super().attach(self.port, *marks, **options)
        for worker in workers:
            client.wait_pid(worker.pid)
        return client

    def assert_runs_on(self, client, workers):
        """Detach; nothing stops any more, and the debugger is gone."""
        client.detach()
        for worker in workers:
            wait_until(
                'unloaded debugger',
                lambda worker=worker: not worker.state()['debugger_threads'],
            )
            self.assert_answered(worker.get_later('/work'), pid=worker.pid)
            self.assertEqual('None', worker.state()['traced'])
            self.assertEqual([], worker.state()['monitoring'])


class OptionsTest(PasteTestCase):
    def test_off(self):
        (worker,) = self.start(conf={}, break_on_exception='true')
        self.service.wait_log('PIPELINES 2 unwrapped 2')
        self.assertNotIn('osdbg.agent', worker.state()['osdbg'])
        self.assertEqual([], self.gateways())
        self.assertNotIn('osdbg', self.service.log)

    def test_from_the_configuration_of_the_service(self):
        port = free_port()
        workers = self.start(conf={'port': port})
        self.port = port
        self.stop_and_go(self.attach('handler', workers=workers), *workers)

    def test_section_over_the_configuration_of_the_service(self):
        port = free_port()
        workers = self.start(conf={'port': free_port()}, port=port)
        self.port = port
        self.stop_and_go(self.attach('handler', workers=workers), *workers)

    def test_from_a_file_named_in_the_section(self):
        port = free_port()
        workers = self.start(
            conf={},
            oslo_config_project='other',
            oslo_config_file=self.write_config(port=port),
        )
        self.port = port
        self.stop_and_go(self.attach('handler', workers=workers), *workers)

    def test_environment_over_the_section(self):
        port = free_port()
        workers = self.start(environ={'OS_REMOTE_DEBUG__PORT': str(port)})
        self.port = port
        self.stop_and_go(self.attach('handler', workers=workers), *workers)

    @unittest.skipUnless(installed(), 'osdbg is not installed')
    def test_entry_point(self):
        factory = PASTE_FILE.splitlines()[-1]
        (worker,) = self.start(
            paste_file=PASTE_FILE.replace(
                factory, 'use = egg:osdbg#remote_debug'
            )
        )
        client = self.attach('handler', workers=[worker])
        self.stop_and_go(client, worker)

    def test_unknown(self):
        workers = self.start(break_on_pth='^/work')
        self.service.wait_log('break_on_path')
        line = self.one_line_about('break_on_pth')
        self.assertRegex(line, 'api-paste.ini.*: write one of break_on_path')
        self.stop_and_go(self.attach('handler', workers=workers), *workers)

    def test_unknown_where_it_is_required(self):
        self.start(prot='5678', required='true', wait=False)
        self.assertNotIn(self.service.wait(), (0, None))
        self.service._reader.join(10)
        self.one_line_about('prot')

    def test_bad_regular_expression(self):
        workers = self.start(break_on_path='(', break_on_exception='true')
        self.service.wait_log('break_on_path')
        self.assertIn('regular expression', self.one_line_about('break_on_'))
        client = self.attach(workers=workers)
        self.assert_answered(workers[0].get_later('/work'))
        pending = fetch_later(workers[0], '/escape')
        self.assert_at(client.wait_stopped(), 'escape', PASTE_APP)
        client.detach()
        self.assertEqual(500, pending.result()[0])

    def test_bad_port(self):
        (worker,) = self.start(port='99999')
        self.service.wait_log('PIPELINES 2 unwrapped 2')
        self.one_line_about('port')
        self.assert_answered(worker.get_later('/work'))


@spread
class BreakpointsTest(PasteTestCase):
    @over(SERVERS)
    def test_hit_in_every_worker(self, server):
        workers = self.start(server)
        self.service.wait_log('PIPELINES 2 unwrapped 0')
        client = self.attach('handler', workers=workers)
        for worker in workers:
            for path in ('/work', '/second/work'):
                pending = worker.get_later(path)
                stop = client.wait_stopped()
                self.assertEqual(worker.pid, stop.session.pid)
                self.assert_at(stop, 'handler')
                stop.resume()
                self.assert_answered(pending, pid=worker.pid)
        self.assertEqual(len(workers), len(client.attached()))
        self.assert_runs_on(client, workers)


@spread
class BreakOnPathTest(PasteTestCase):
    @over(SERVERS)
    def test_stops_at_the_first_line(self, server):
        workers = self.start(server, break_on_path='^/second/wo?rk$')
        client = self.attach(workers=workers)
        for worker in workers * 2:
            self.assert_answered(worker.get_later('/work'))
            pending = worker.get_later('/second/work')
            stop = client.wait_stopped()
            self.assertEqual(worker.pid, stop.session.pid)
            self.assert_at(stop, 'application', PASTE_APP)
            self.assertIn('environ', stop.locals())
            stop.resume()
            self.assert_answered(pending, pid=worker.pid)
        self.assert_runs_on(client, workers)
        self.assert_answered(workers[0].get_later('/second/work'))

    def test_stops_in_a_connection_that_was_there_before(self):
        workers = self.start('eventlet', break_on_path='^/work$')
        connection = http.client.HTTPConnection('127.0.0.1', workers[0].port)
        self.addCleanup(connection.close)
        connection.request('GET', '/ping')
        connection.getresponse().read()
        client = self.attach('handler', workers=workers)
        connection.request('GET', '/work')
        stop = client.wait_stopped()
        self.assert_at(stop, 'application', PASTE_APP)
        stop.resume()
        stop = client.wait_stopped()
        self.assert_at(stop, 'handler')
        stop.resume()
        self.assertEqual(200, connection.getresponse().status)
        self.assert_runs_on(client, workers)

    def test_just_my_code(self):
        workers = self.start('eventlet', break_on_path='^/work$')
        client = self.attach(workers=workers, justMyCode=True)
        pending = workers[0].get_later('/work')
        stop = client.wait_stopped()
        self.assert_at(stop, 'application', PASTE_APP)
        stop = stop.step()
        self.assertEqual(line_of('application', PASTE_APP) + 1, stop.line)
        stop.resume()
        self.assert_answered(pending)


@spread
class BreakOnRequestIdTest(PasteTestCase):
    @over(SERVERS)
    def test_stops_at_the_first_line(self, server):
        workers = self.start(server, break_on_request_id=REQUEST_ID)
        client = self.attach(workers=workers)
        for worker in workers:
            self.assert_answered(worker.get_later('/work'))
            pending = fetch_later(
                worker, '/work', X_Openstack_Request_Id=REQUEST_ID
            )
            stop = client.wait_stopped()
            self.assertEqual(worker.pid, stop.session.pid)
            self.assert_at(stop, 'application', PASTE_APP)
            stop.resume()
            self.assertEqual(200, pending.result()[0])
        self.assert_runs_on(client, workers)


@spread
class BreakOnExceptionTest(PasteTestCase):
    @over(SERVERS)
    def test_stops_where_it_was_raised(self, server):
        workers = self.start(server, break_on_exception='true')
        client = self.attach(workers=workers)
        for worker in workers:
            pending = fetch_later(worker, '/second/escape')
            stop = client.wait_stopped()
            self.assertEqual(worker.pid, stop.session.pid)
            self.assertEqual('exception', stop.reason)
            self.assert_at(stop, 'escape', PASTE_APP)
            self.assertEqual("'ASKED TO'", stop.locals()['witness'])
            self.assertEqual("'asked to'", stop.evaluate('reason'))
            self.assertIn(
                'LookupError',
                str(
                    stop.session.request('exceptionInfo', threadId=stop.thread)
                ),
            )
            stop.resume()
            self.assertEqual(500, pending.result()[0])
        self.service.wait_log("LookupError.*'?ASKED TO", len(workers))
        self.assert_runs_on(client, workers)
        self.assertEqual(500, fetch(workers[0], '/escape')[0])

    @over(('inside', 'outside'))
    def test_raised_by_a_library(self, place):
        workers = self.start('eventlet', break_on_exception='true')
        client = self.attach(workers=workers, justMyCode=place == 'outside')
        pending = fetch_later(workers[0], '/library')
        stop = client.wait_stopped('exception')
        if place == 'outside':
            self.assert_at(stop, 'library', PASTE_APP)
        else:
            self.assertEqual(json.decoder.__file__, stop.path)
        stop.resume()
        self.assertEqual(500, pending.result()[0])

    @over(SERVERS)
    def test_stops_in_the_body(self, server):
        workers = self.start(server, break_on_exception='true')
        client = self.attach(workers=workers)
        for worker in workers:
            self.assertEqual(
                (200, b'first second third'), fetch(worker, '/stream')
            )
            self.service.wait_log('CLOSED')
            pending = fetch_later(worker, '/stream?fail')
            stop = client.wait_stopped()
            self.assertEqual('exception', stop.reason)
            self.assert_at(stop, 'stream', PASTE_APP)
            self.assertEqual("'fail'", stop.locals()['query'])
            stop.resume()
            # eventlet has sent nothing yet.
            expected = (200, b'first second ')
            if server == 'eventlet':
                expected = (500, b'')
            self.assertEqual(expected, pending.result())
        self.assert_runs_on(client, workers)


@spread
class PreforkTest(PasteTestCase):
    """Servers that load the application before they fork their workers."""

    def start_server(self, name, **options):
        program = shutil.which(name, path=os.path.dirname(sys.executable))
        if program is None:
            self.skipTest(f'{name} is not installed')
        port = free_port()
        words = PREFORK[name].replace('PROGRAMS', str(PROGRAMS))
        environ = dict(
            self.environ,
            CONFIG_FILE=self.write_config(),
            PASTE_FILE=self.write_paste_file(port=self.port, **options),
        )
        self.service = harness.Process(
            [program, *words.replace('PORT', str(port)).split()[1:]],
            environ,
            name,
        )
        self.processes.append(self.service)
        self.service.wait_log('PIPELINES 2 unwrapped 0')
        return harness.Worker(None, port)

    @over(PREFORK)
    def test_stops_in_every_worker(self, name):
        either = self.start_server(name, break_on_path='^/second/work')
        client = self.attach('handler', processes=2)
        # Who stands in one request takes no other.
        pending = [either.get_later('/second/work') for _ in range(2)]
        stops = [client.wait_stopped() for _ in pending]
        self.assertEqual(
            {*client.attached()}, {stop.session.pid for stop in stops}
        )
        for stop in stops:
            self.assert_at(stop, 'application', PASTE_APP)
            stop.resume()
            stop = stop.session.wait_stopped()
            self.assert_at(stop, 'handler')
            stop.resume()
        for request in pending:
            self.assert_answered(request)
