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

"""An ASGI application, and as much of a server as it needs.

It prints what :mod:`api_service` prints. Lines that tests stop at end in
``# BREAK <name>``.
"""

import asyncio
import json
import os
import sys

PARKED: dict[str, asyncio.Event] = {}
TASKS: list[object] = []


async def work(name):
    await asyncio.sleep(0.01)
    answer = name.strip('/')  # BREAK asgi
    return {'answer': answer}


async def park(name):
    event = PARKED[name] = asyncio.Event()
    await event.wait()
    return {'answer': named(name)}


def named(name):
    return name  # BREAK asgi parked


async def begin(name):
    """Leave a task behind that goes on when the request is over."""
    TASKS.append(asyncio.create_task(park(name)))
    return {'answer': name}


async def application(scope, receive, send):
    path = scope['path']
    if path.startswith('/park/'):
        answer = await park(path)
    elif path.startswith('/begin/'):
        answer = await begin(path.replace('begin', 'park'))
    elif path == '/parked':
        answer = {'names': list(PARKED)}
    elif path.startswith('/release'):
        PARKED[path.replace('release', 'park')].set()
        answer = {}
    elif path.startswith('/fail'):
        raise LookupError(path)  # BREAK asgi fail
    else:
        answer = await work(path)
    answer.update(pid=os.getpid(), traced=sys.gettrace() is not None)
    body = json.dumps(answer).encode()
    await send({'type': 'http.response.start', 'status': 200})
    await send({'type': 'http.response.body', 'body': body})


def server_of(app):
    async def serve(reader, writer):
        method, path, _ = (await reader.readline()).decode().split()
        headers = []
        while line := (await reader.readline()).strip():
            name, _, value = line.partition(b':')
            headers.append((name.lower(), value.strip()))
        asyncio.current_task().set_name(f'request {path}')
        scope = {
            'type': 'http',
            'method': method,
            'path': path,
            'headers': headers,
        }

        async def send(message):
            if message['type'] == 'http.response.start':
                writer.write(b'HTTP/1.0 %d X\r\n\r\n' % message['status'])
            else:
                writer.write(message['body'])

        try:
            await app(scope, reader.read, send)
        except LookupError:
            await send({'type': 'http.response.start', 'status': 500})
            await send({'type': 'http.response.body', 'body': b'{}'})
        writer.close()

    return serve


async def background():
    turns = 0
    while True:
        await asyncio.sleep(0.05)
        turns += 1  # BREAK asgi background


async def main():
    from osdbg.integrations import asgi

    app = asgi.wrap(application, break_on_exception=True)
    server = await asyncio.start_server(server_of(app), '127.0.0.1', 0)
    port = server.sockets[0].getsockname()[1]
    task = asyncio.create_task(background(), name='the background')
    print(f'READY pid={os.getpid()} port={port}', flush=True)
    await task


if __name__ == '__main__':
    asyncio.run(main())
