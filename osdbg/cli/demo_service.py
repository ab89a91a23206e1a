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

"""The service that ``osdbg demo`` debugs.

It is built as OpenStack's API services are: oslo.service's ProcessLauncher
forks workers that share a port, everything being green, or, with
``--threading``, everything native. All that osdbg asks of it is in ``main()``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any
from urllib import parse

WORKERS = 3


def say_hello(name: str) -> str:
    """Answer a visitor; the demo stops in here."""
    visitor = name.title()
    started = time.monotonic()  # the breakpoint
    time.sleep(0.02)  # other requests are served meanwhile
    took = time.monotonic() - started
    return f'Hello {visitor}, that took {took:.2f} s'


def list_servers() -> list[dict[str, Any]]:
    """Do some work, as listing servers would be; for the throughput."""
    servers = []
    for number in range(20):
        server = {'id': number, 'name': f'server-{number:03}'}
        server['status'] = 'ACTIVE' if number % 7 else 'ERROR'
        servers.append(server)
    return servers


def answer(path: str) -> bytes:
    """Answer one request."""
    url = parse.urlsplit(path)
    found: dict[str, Any] = {'worker': os.getpid()}
    if url.path == '/hello':
        query = dict(parse.parse_qsl(url.query))
        found['hello'] = say_hello(query.get('name', 'nobody'))
    elif url.path == '/servers':
        found['servers'] = list_servers()
    else:
        found.update(describe_debugger())
    return json.dumps(found).encode()


def describe_debugger() -> dict[str, Any]:
    """Tell what osdbg does in this worker, and the number it has."""
    import osdbg

    status = osdbg.status()
    if status is None:
        return {'state': 'off', 'number': None}
    return {'state': status.state, 'number': status.worker}


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Serve a green worker."""
    path = f'{environ["PATH_INFO"]}?{environ.get("QUERY_STRING", "")}'
    body = answer(path)
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]


def serve_green(listener: Any) -> None:
    """Serve a socket with eventlet."""
    from eventlet import wsgi

    wsgi.server(listener, application, log_output=False)


def serve_native(listener: Any) -> None:
    """Serve a socket with a native thread per connection."""
    from http import server

    class Handler(server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'
        wbufsize = -1  # one packet per answer

        def do_GET(self) -> None:  # noqa: N802
            body = answer(self.path)
            self.send_response(200)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    httpd = server.ThreadingHTTPServer(
        listener.getsockname(), Handler, bind_and_activate=False
    )
    httpd.socket.close()
    httpd.socket = listener
    httpd.serve_forever()


def launch(conf: Any, native: bool) -> None:
    """Serve with three workers until told to stop."""
    import socket
    import threading

    from oslo_service import service

    serve = serve_native if native else serve_green
    shared = socket.create_server(('127.0.0.1', 0), backlog=128)

    class Api(service.Service):  # type: ignore[misc]
        def start(self) -> None:
            # A port of its own lets the demo choose whom it talks to.
            own = socket.create_server(('127.0.0.1', 0), backlog=128)
            self.stopped = threading.Event()
            for listener in (shared, own):
                if native:
                    threading.Thread(
                        target=serve, args=(listener,), daemon=True
                    ).start()
                else:
                    self.tg.add_thread(serve, listener)
            tell('worker', os.getpid(), own)

        def wait(self) -> None:
            if native:
                self.stopped.wait()
            else:
                super().wait()

        def stop(self, graceful: bool = False) -> None:
            if native:
                self.stopped.set()
            super().stop(graceful)

    tell('service', os.getpid(), shared)
    launcher = service.ProcessLauncher(conf)
    launcher.launch_service(Api(), workers=WORKERS)
    launcher.wait()


def tell(what: str, pid: int, listener: Any) -> None:
    """Tell the demo, which reads our output, what has started."""
    line = f'DEMO {what} {pid} {listener.getsockname()[1]}\n'
    os.write(1, line.encode())  # at once: the workers share the pipe


def main() -> None:
    """Start as services do: patch, read the configuration, launch."""
    native = '--threading' in sys.argv
    if native:
        from oslo_service import backend

        backend.init_backend(backend.BackendType.THREADING)
    else:
        import eventlet

        eventlet.monkey_patch()

    from oslo_config import cfg

    import osdbg

    cfg.CONF([], project='demo', default_config_files=[])
    osdbg.init(cfg.CONF)
    launch(cfg.CONF, native)


if __name__ == '__main__':
    main()
