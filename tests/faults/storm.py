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

"""The service, its load, and one fault after the other."""

from __future__ import annotations

import json
import os
import platform
import random
import socket
import subprocess
import sys
import time
from typing import Any

from tests.faults.audit import Auditor
from tests.faults.client import answers
from tests.faults.client import Caller
from tests.faults.client import Probe
from tests.faults.clock import Clock
from tests.faults.disk import Disk
from tests.faults.faults import FAULTS
from tests.faults.faults import REFUSALS
from tests.faults.faults import unavailable
from tests.faults.ledger import Ledger
from tests.faults.ledger import PORT_SECONDS
from tests.faults.load import Load
from tests.faults.program import STACKS
from tests.faults.proxy import Cutter
from tests.faults import service
from tests.functional import dap
from tests.functional.harness import free_port
from tests.functional.harness import FunctionalTestCase
from tests.functional.harness import kill
from tests.functional.harness import wait_until
from tests.functional.harness import Worker

AUDIT_EVERY = 5
GIVE_UP_SECONDS = 30.0
STACKS_SECONDS = 1.0


class Storm(FunctionalTestCase):
    """One service, and everything that goes wrong around it."""

    def storm(
        self,
        concurrency: str,
        seed: int,
        minutes: float = 0,
        workers: int = 3,
        kinds: tuple[str, ...] = tuple(FAULTS),
        pace: float = 1.0,
    ) -> None:
        """Let faults happen, and see that nobody is harmed.

        :param minutes: how long; each fault happens at least once
        :param pace: by how much they last longer
        """
        self.rng = random.Random(seed)
        self.pace = pace
        self.ledger = Ledger()
        self.auditor = Auditor(self)
        self.seen: set[int] = set()
        self.caller: Caller | None = None
        self.probe: Probe | None = None
        self.title = (
            f'seed {seed}, {concurrency}, Python '
            f'{platform.python_version()}, {workers} workers'
        )
        self._start(concurrency, workers)
        left_out = unavailable(self)
        for kind, reason in left_out.items():
            print(f'{kind} is left out: {reason}')
        kinds = tuple(kind for kind in kinds if kind not in left_out)
        self.load = Load(self.service.http_port, self.ledger, seed)
        self.load.start()
        try:
            self._play_all(kinds, 60 * minutes)
        except Exception as error:
            self.ledger.note(f'{type(error).__name__}: {error}')
            self._log_stacks()
            raise
        finally:
            self.load.stop()
            print(f'{self.title}\n{self.ledger.report()}')
        self._check_lost()

    def transcripts(self) -> str:
        """Return what happened, and the ends of all logs."""
        lost = [f'{line} (lost)' for line in self.ledger.lost]
        history = '\n'.join(self.ledger.history + lost)
        return f'{self.title}\n{history}\n{super().transcripts()}'

    def _log_stacks(self) -> None:
        """Have the log say what all threads of the workers are at."""
        for worker in self.service.workers():
            kill(worker.pid, STACKS)
        time.sleep(STACKS_SECONDS)

    # The stage.

    def _start(self, concurrency: str, workers: int) -> None:
        self.port, self.other_port = free_port(), free_port()
        self.temporary = self._make('tmp')
        self.environ['TMPDIR'] = self.temporary
        self.disk = self._try(Disk, self._make('log'))
        if isinstance(self.disk, Disk):
            self.addCleanup(self.disk.close)
        self.clock = self._try(Clock, self._make('clock'))
        python = getattr(self.clock, 'python', sys.executable)
        self.config = self.write_config()
        self.configure()
        self.service = service.LoadedService(
            python, self.environ, concurrency, workers, self.config
        )
        self.processes.append(self.service)
        self.service.wait_workers()
        self.check_by_client()

    def _make(self, name: str) -> str:
        os.mkdir(path := os.path.join(self.directory, name))
        return path

    def _try(self, kind: Any, directory: str) -> Any:
        try:
            return kind(directory)
        except (OSError, subprocess.CalledProcessError) as error:
            return error

    def configure(self, **options: Any) -> None:
        """Write the options of the service into its file."""
        options = {'name': 'faults', 'port': self.port, **options}
        if isinstance(self.disk, Disk):
            options['log_dir'] = self.disk.directory
        os.replace(self.write_config(**options), self.config)

    # What the faults need.

    def hold(self, least: float, most: float) -> None:
        """Let a fault last for some seconds."""
        time.sleep(self.pace * self.rng.uniform(least, most))

    def any_worker(self) -> Worker:
        """Choose a worker."""
        return self.rng.choice(self.service.wait_workers())

    def come_through_cuts(self) -> None:
        """Attach where connections break, and give up when one does."""
        cutter = Cutter(self.port, self.rng)
        caller = self._call(cutter.port)
        probe = None

        def over() -> bool:
            return bool(cutter.cuts) or caller.returncode is not None

        try:
            wait_until('cut', lambda: over() or 'STAGE attached' in caller.log)
            if not over():
                probe = Probe(self.any_worker(), self.ledger)
                wait_until('cut', over)
            self.hold(0, 1)
        finally:
            caller.kill()
            cutter.close()
            self.ledger.note(f'  cut: {", ".join(cutter.cuts) or "nothing"}')
        if probe is not None:
            probe.check()
        self.processes.remove(caller)

    def knock(self, seconds: float) -> None:
        """Connect and say hello; get an answer within some seconds."""
        session = dap.Session('127.0.0.1', self.port, timeout=seconds)
        try:
            session.initialize()
        finally:
            session.close()

    # Clients.

    def _call(self, port: int, stage: str | None = None) -> Caller:
        number = self.service.number_of_workers
        caller = Caller(self.environ, port, number, stage)
        self.processes.append(caller)
        return caller

    def bring(self, stage: str | None) -> None:
        """Have a client come as far as ``stage``."""
        self.caller = self._call(self.port, stage)
        if stage in ('stopped', 'evaluating'):
            self._stop_a_worker()
        if stage is not None:
            self.caller.wait_stage(stage)

    def _stop_a_worker(self) -> None:
        self.caller.wait_stage('attached')
        self.probe = Probe(self.any_worker(), self.ledger)

    def finish(self) -> None:
        """Let the client do the rest; it must be able to."""
        self.caller.go_on()
        if self.probe is None:
            self._stop_a_worker()
        self.caller.wait_stage('detached')
        self.caller.wait()
        self.send_away()

    def send_away(self) -> None:
        """Kill the client, if it is still there; its worker goes on."""
        if self.caller is not None:
            self.caller.kill()
        if self.probe is not None:
            self.probe.check()
        if self.caller is not None:
            self.processes.remove(self.caller)
        self.caller = self.probe = None

    def check_by_client(self) -> None:
        """Attach, stop, evaluate, go on, detach."""
        self.bring(None)
        self.finish()
        self.ledger.visits += 1

    # One fault after the other.

    def _play_all(self, kinds: tuple[str, ...], seconds: float) -> None:
        self.auditor.audit()
        left: list[str] = []
        played = self.ledger.played
        while len(played) < len(kinds) or self.ledger.elapsed < seconds:
            if not left:
                left = self.rng.sample(kinds, len(kinds))
            self._play(left.pop())
            if sum(played.values()) % AUDIT_EVERY == 0:
                self.auditor.audit()
        self.auditor.audit()

    def _play(self, kind: str) -> None:
        fault = FAULTS[kind]
        stage = self.rng.choice(fault.stages)
        self.ledger.note(f'{kind}, the client being {stage or "away"}')
        self.ledger.played[kind] += 1
        gateway = self.gateway()
        if stage is not None:
            self.bring(stage)
        if stage == 'evaluating':
            self.hold(0, 0.3)
        fault.play(self)
        start = time.monotonic()
        if self.caller is not None and fault.survived:
            self.finish()
        else:
            self.send_away()
            self._time_port(kind, start)
        self._check(gateway, fault.ends_gateway)

    def _time_port(self, kind: str, start: float) -> None:
        """Note how long it takes until a client is answered.

        Not by the first process that is back: all workers are to be there.
        """
        wait_until('return of the workers', self._all_known, GIVE_UP_SECONDS)
        while True:
            try:
                self.knock(GIVE_UP_SECONDS)
                break
            except REFUSALS:
                if time.monotonic() - start > GIVE_UP_SECONDS:
                    raise
                time.sleep(0.05)
        seconds = time.monotonic() - start
        self.ledger.port_back(kind, seconds)
        self.ledger.note(f'  the port is back after {seconds:.2f} s')
        self.assertLess(seconds, PORT_SECONDS, f'port back after {kind}')

    def _all_known(self) -> bool:
        """Tell whether the gateway knows all workers, as such."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(GIVE_UP_SECONDS)
            try:
                asking.connect(f'\0{self.socket_name}')
                asking.sendall(b'{"ask": {}}\n')
                answer = asking.makefile().readline()
            except OSError:
                return False
        found = json.loads(answer)['processes'] if answer else []
        working = {it['pid'] for it in found if it['worker'] is not None}
        return working == {worker.pid for worker in self.service.workers()}

    def _check(self, gateway: int, ends_gateway: bool) -> None:
        if not ends_gateway:
            self.assertEqual([gateway], self.gateways(), 'gateway replaced')
        self.check_by_client()
        workers = self.service.wait_workers()
        for worker in workers:
            self.assertTrue(answers(worker), worker)
        gone = self.seen - {worker.pid for worker in workers}
        self.seen = {worker.pid for worker in workers}
        killed = {pid for pid in gone if self.ledger.has_ended(pid)}
        self.assertEqual(killed, gone, 'workers that nobody has killed')
        self._check_lost()

    def _check_lost(self) -> None:
        self.assertEqual([], self.ledger.lost, 'lost requests')
