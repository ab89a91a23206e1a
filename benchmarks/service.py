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

"""A small WSGI service: ``service.py ENGINE MODE WORKERS [DEBUG_PORT]``.

Run as a program. It prints ``LISTENING <port>`` and, for each worker,
``READY <pid>``.
"""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import socket
import sys
import threading
from typing import Any
import urllib.parse


def never(number: int) -> int:
    return number + 1  # BREAK cold


def describe(number: int) -> dict[str, Any]:
    name = f'server-{number}'
    return {'id': number, 'name': name, 'even': is_even(number)}


def is_even(number: int) -> bool:
    return number % 2 == 0


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    query = urllib.parse.parse_qs(environ.get('QUERY_STRING', ''))
    count = int(query.get('count', ['10'])[0])
    if count < 0:  # BREAK hot
        count = never(count)
    servers = [describe(number) for number in range(count)]
    # However much there was to do, the answer comes in one piece.
    body = json.dumps({'servers': servers[:10]}).encode()
    headers = [
        ('Content-Type', 'application/json'),
        ('Content-Length', str(len(body))),
    ]
    start_response('200 OK', headers)
    return [body]


class Handler(http.server.BaseHTTPRequestHandler):
    """Just enough WSGI, over connections that are kept alive."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        _, _, query = self.path.partition('?')
        body = application({'QUERY_STRING': query}, self.start_response)
        self.wfile.write(b''.join([self.head, *body]))

    def start_response(
        self, status: str, headers: list[tuple[str, str]]
    ) -> None:
        lines = [f'HTTP/1.1 {status}']
        lines += [f'{name}: {value}' for name, value in headers]
        self.head = '\r\n'.join([*lines, '', '']).encode()

    def log_message(self, *args: object) -> None:
        pass


class ThreadedServer(http.server.ThreadingHTTPServer):
    """A server on a socket that listens already."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener.getsockname(), Handler, False)
        self.socket.close()
        self.socket = listener


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        head.update(status=status, headers=headers)

    head: dict[str, Any] = {}
    body = application({'QUERY_STRING': scope['query']}, start_response)
    await send({'type': 'http.response.start', **head})
    await send({'type': 'http.response.body', 'body': b''.join(body)})


class Connection(asyncio.Protocol):
    """Just enough ASGI; each request comes in one piece, and one at a time."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        first, *lines = data.decode('latin-1').split('\r\n')
        method, target, _ = first.split(' ')
        path, _, query = target.partition('?')
        headers = [line.partition(': ')[::2] for line in lines if line]
        scope = {
            'type': 'http',
            'method': method,
            'path': path,
            'query': query,
            'headers': [
                (name.lower().encode(), value.encode())
                for name, value in headers
            ],
        }
        self.task = asyncio.ensure_future(
            asgi_application(scope, None, self.send)
        )

    async def send(self, message: dict[str, Any]) -> None:
        if message['type'] == 'http.response.start':
            lines = [f'HTTP/1.1 {message["status"]}']
            lines += [f'{name}: {value}' for name, value in message['headers']]
            self.head = '\r\n'.join([*lines, '', '']).encode()
        else:
            self.transport.write(self.head + message['body'])


async def serve_tasks(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, sock=listener)
    await server.serve_forever()


def listen_plainly() -> None:
    import debugpy

    debugpy.listen(('127.0.0.1', int(sys.argv[4])))


def make_service(engine: str, mode: str, listener: socket.socket) -> Any:
    from oslo_service import service

    class Green(service.Service):  # type: ignore[misc]
        def start(self) -> None:
            from eventlet import wsgi

            if mode == 'listen':
                listen_plainly()
            self.tg.add_thread(
                wsgi.server, listener, application, log_output=False
            )
            print(f'READY {os.getpid()}', flush=True)

    class Threaded(service.Service):  # type: ignore[misc]
        def start(self) -> None:
            if mode == 'listen':
                listen_plainly()
            server = ThreadedServer(listener)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            print(f'READY {os.getpid()}', flush=True)

        def wait(self) -> None:
            threading.Event().wait()

    class Asynchronous(Threaded):
        def start(self) -> None:
            threading.Thread(
                target=lambda: asyncio.run(serve_tasks(listener)), daemon=True
            ).start()
            print(f'READY {os.getpid()}', flush=True)

    kinds = {'eventlet': Green, 'threading': Threaded, 'asyncio': Asynchronous}
    return kinds[engine]()


def main() -> None:
    global application, asgi_application
    engine, mode, workers = sys.argv[1:4]
    if engine == 'eventlet':
        import eventlet

        eventlet.monkey_patch()
    else:
        from oslo_service import backend

        backend.init_backend(backend.BackendType.THREADING)
    from oslo_config import cfg
    from oslo_service import service

    cfg.CONF([], project='bench', default_config_files=[])
    if mode == 'osdbg':
        import osdbg

        osdbg.init(cfg.CONF)
    elif mode in ('wrap', 'only'):
        from osdbg.integrations import asgi
        from osdbg.integrations import wsgi

        wanted: dict[str, Any] = {}
        if mode == 'only':
            wanted = {'only_header': 'X-OSDBG', 'only_token': 'between us'}
        if engine == 'asyncio':
            asgi_application = asgi.wrap(asgi_application, cfg.CONF, **wanted)
        else:
            application = wsgi.wrap(application, cfg.CONF, **wanted)
    listener = socket.create_server(('127.0.0.1', 0), backlog=128)
    print(f'LISTENING {listener.getsockname()[1]}', flush=True)
    made = make_service(engine, mode, listener)
    if workers == '0':
        made.start()
        made.wait()
        return
    launcher = service.ProcessLauncher(cfg.CONF)
    launcher.launch_service(made, workers=int(workers))
    launcher.wait()


if __name__ == '__main__':
    main()
