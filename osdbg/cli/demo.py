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

"""``osdbg demo``: a service being debugged, before your eyes."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import signal
import sys
from typing import TYPE_CHECKING

from osdbg import exceptions

if TYPE_CHECKING:
    from osdbg.cli import demo_client
    from osdbg.cli import demo_run
    from osdbg.cli import demo_session

_NEEDED = {
    'rich': 'rich',
    'oslo_service': 'oslo.service',
    'eventlet': 'eventlet',
}
_NEEDED_NATIVE = {
    'rich': 'rich',
    'oslo_service.backend': 'oslo.service 4.2',
    'cotyledon': 'cotyledon',
    'futurist': 'futurist',
}
_MARK = '# the breakpoint\n'
_VISITORS = ('ada', 'grace', 'barbara', 'margaret')
_STORY_SECONDS = 60.0
# Traced code takes two to five times as long; the rest is the machine's.
_SAME_COST = 1.8
_ATTEMPTS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.epilog = (
        'examples:\n'
        '  osdbg demo\n'
        '  osdbg demo --keep       and attach an IDE of your own'
    )
    parser.add_argument(
        '--threading',
        action='store_true',
        help="use oslo.service's threading backend instead of eventlet",
    )
    parser.add_argument(
        '--keep',
        action='store_true',
        help='leave the service running, for your own IDE, until Ctrl-C',
    )
    parser.add_argument(
        '-v',
        '--verbose',
        action='store_true',
        help='print what the service writes, too',
    )


def run(arguments: argparse.Namespace) -> int:
    """Play the demo.

    :returns: 0 only if everything happened that it shows
    """
    _check_installed(_NEEDED_NATIVE if arguments.threading else _NEEDED)
    return asyncio.run(_run(arguments))


def _check_installed(needed: dict[str, str]) -> None:
    missing = [name for module, name in needed.items() if not _found(module)]
    if missing:
        raise exceptions.OsdbgError(
            f'{" and ".join(missing)} not installed: '
            f"{sys.executable} -m pip install --upgrade 'osdbg[cli]'"
        )


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False  # its package


async def _run(arguments: argparse.Namespace) -> int:
    story = Story(arguments)
    playing = asyncio.ensure_future(story.play())
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, playing.cancel)
    try:
        await playing
    except asyncio.CancelledError:
        if not story.finished:
            raise KeyboardInterrupt from None
    return 0


class Story:
    """What happens, in order."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        """Prepare to tell it.

        :param arguments: of the command line
        """
        from osdbg.cli import demo_screen

        self.finished = False
        self._native: bool = arguments.threading
        self._keep: bool = arguments.keep
        self._screen = demo_screen.Screen(arguments.verbose)

    async def play(self) -> None:
        """Show everything.

        :raises: DemoFailed when something did not happen
        """
        from osdbg.cli import demo_client
        from osdbg.cli import demo_run
        from osdbg.cli import demo_session

        screen = self._screen
        async with demo_run.running(self._native, screen.echo) as service:
            client = demo_client.Client(
                service.debug_port, demo_run.PROGRAM, _marked(demo_run.PROGRAM)
            )
            try:
                await demo_session.within(
                    'end of the demo',
                    self._play(service, client),
                    _STORY_SECONDS,
                )
            finally:
                client.close()
            self.finished = True
            if self._keep:
                screen.invite(
                    client.configuration,
                    '{}:{}'.format(*client.breakpoint),
                    f'http://127.0.0.1:{service.port}/hello?name=you',
                )
                await asyncio.Event().wait()

    async def _play(
        self, service: demo_run.Service, client: demo_client.Client
    ) -> None:
        workers = await self._introduce(service)
        before = await service.measure()
        await self._attach(client, workers)
        for worker, visitor in zip(workers, _VISITORS):
            await self._debug(client, worker, visitor)
        await self._replace(service, client, workers[-1])
        during = await service.measure()
        await client.detach()
        for worker in service.workers.values():
            await worker.until('armed')
        after = await self._measure_again(service, before)
        self._compare(before, during, after)

    async def _introduce(
        self, service: demo_run.Service
    ) -> list[demo_run.Worker]:
        from osdbg.cli import demo_service

        kind = 'eventlet, everything patched'
        if self._native:
            kind = 'threading backend, native threads'
        self._screen.title(
            f'A service: oslo.service, {kind}, Python {sys.version.split()[0]}'
        )
        workers = await service.wait_workers(demo_service.WORKERS)
        for worker in workers:
            self._screen.point(worker.title, 'armed; no debugger is loaded')
        return workers

    async def _attach(
        self, client: demo_client.Client, workers: list[demo_run.Worker]
    ) -> None:
        now = asyncio.get_running_loop().time
        address = '{host}:{port}'.format(**client.configuration['connect'])
        self._screen.title(f'A client attaches, once, to {address}')
        started = now()
        await client.attach()
        for worker in workers:
            await client.session(worker.pid)
            took = now() - started
            self._screen.point(worker.title, f'attached after {took:.2f} s')
        self._screen.title('A breakpoint at {}:{}'.format(*client.breakpoint))

    async def _debug(
        self, client: demo_client.Client, worker: demo_run.Worker, name: str
    ) -> None:
        """Stop in a request, look, step, go on, and see it answered."""
        from osdbg.cli.demo_session import DemoFailed
        from osdbg.cli.demo_session import within

        session = await client.session(worker.pid)
        request = asyncio.ensure_future(worker.get(f'/hello?name={name}'))
        try:
            stop = await session.stopped()
            if (stop.path, stop.line) != client.breakpoint:
                raise DemoFailed(f'stopped at {stop.path}:{stop.line}')
            visitor = await stop.local('visitor')
            if visitor != repr(name.title()):
                raise DemoFailed(f'visitor = {visitor}')
            self._screen.stopped(worker, stop, f'visitor = {visitor}')
            stop = await self._step(stop)
            await stop.go_on()
            status, found = await within('answer', request)
        finally:
            request.cancel()
        if status != 200 or name.title() not in found['hello']:
            raise DemoFailed(f'{worker.title} answered {status}: {found}')
        self._screen.point('', f'answered {status}: {found["hello"]}', 'green')

    async def _step(self, stop: demo_session.Stop) -> demo_session.Stop:
        """Step to, and over, the line on which the worker yields."""
        from osdbg.cli.demo_session import DemoFailed

        for line in (stop.line + 1, stop.line + 2):
            stop = await stop.step()
            if stop.line != line:
                raise DemoFailed(f'a step to line {line} led to {stop.line}')
        self._screen.point('', f'stepped over time.sleep() to {stop.where}')
        return stop

    async def _replace(
        self,
        service: demo_run.Service,
        client: demo_client.Client,
        worker: demo_run.Worker,
    ) -> None:
        self._screen.title(f'{worker.title.capitalize()} is killed')
        successor = await service.kill(worker)
        await client.session(successor.pid)
        await successor.until('attached')
        self._screen.point(successor.title, 'is its successor, and has joined')
        await self._debug(client, successor, _VISITORS[-1])

    async def _measure_again(
        self, service: demo_run.Service, before: demo_run.Rate
    ) -> demo_run.Rate:
        """Measure until a request takes what it took, or never does.

        Others may keep the machine busy, and its caches: code that is traced
        takes longer each time.
        """
        for _attempt in range(_ATTEMPTS):
            after = await service.measure()
            if after.cost <= before.cost * _SAME_COST:
                break
        return after

    def _compare(
        self,
        before: demo_run.Rate,
        during: demo_run.Rate,
        after: demo_run.Rate,
    ) -> None:
        from osdbg.cli.demo_session import DemoFailed

        self._screen.title('Requests per second, and CPU time of each')
        self._screen.rate('before, armed', before, before)
        self._screen.rate('during, attached', during, before)
        self._screen.rate('after, detached', after, before)
        if after.cost > before.cost * _SAME_COST:
            raise DemoFailed(
                f'after detaching, a request takes '
                f'{after.cost / before.cost:.1f} times the CPU it took before'
            )
        self._screen.say('\nAll of it happened.', 'bold green')


def _marked(path: str) -> int:
    """Find the line to stop at."""
    with open(path) as program:
        for number, line in enumerate(program, 1):
            if line.endswith(_MARK):
                return number
    raise exceptions.OsdbgError(f'{path} was changed: no line to stop at')
