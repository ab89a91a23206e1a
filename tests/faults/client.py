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

"""A client in a process of its own, which may be killed at any moment.

It attaches, waits for somebody's request, evaluates, and detaches, and says
on stdout how far it is. It stays at the stage that it is told to, until
SIGUSR1 lets it go on.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import Any

from tests.faults.ledger import Ledger
from tests.faults.ledger import PATIENCE
from tests.faults.service import breakpoint_line
from tests.faults.service import SOURCE
from tests.functional import dap
from tests.functional.harness import http_get
from tests.functional.harness import Pending
from tests.functional.harness import Process
from tests.functional.harness import Worker

STAGES = ('initialized', 'attached', 'stopped', 'evaluating')
NAME = 'probe'
LONGEST_STOP = 60.0
_STAGE_SECONDS = 30.0
# Long enough to be interrupted.
_CALCULATION = 'sum(range(5_000_000)) and visitor'


class Caller(Process):
    """The process of a client."""

    def __init__(
        self,
        environ: dict[str, str],
        port: int,
        workers: int,
        stage: str | None = None,
    ) -> None:
        """Start it.

        :param workers: how many it waits for
        :param stage: where it stays
        """
        self._stays = stage is not None
        words = [str(port), str(workers)] + ([stage] if stage else [])
        super().__init__(
            [sys.executable, '-m', 'tests.faults.client', *words],
            environ,
            f'client until {stage or "the end"}',
        )

    def wait_stage(self, stage: str) -> None:
        """Wait until it is that far."""
        self.wait_log(f'STAGE {stage}', timeout=_STAGE_SECONDS)

    def go_on(self) -> None:
        """Let it leave the stage where it stays."""
        if self._stays:
            self.signal(signal.SIGUSR1)


class Probe(Pending):
    """A request that stops its worker while there is a client."""

    def __init__(self, worker: Worker, ledger: Ledger) -> None:
        """Send it to that worker, which counts as stopped meanwhile."""
        self.worker = worker
        self._ledger = ledger
        super().__init__(self._ask)

    def _ask(self) -> Any:
        with self._ledger.away(self.worker.pid):
            return self.worker.get(f'/hello?name={NAME}', LONGEST_STOP)

    def check(self) -> None:
        """Wait for the answer, which a killed worker does not owe."""
        try:
            status, found = self.result(PATIENCE)
        except Exception:
            if not self._ledger.has_ended(self.worker.pid):
                raise
            return
        if status != 200 or found['worker'] != self.worker.pid:
            raise AssertionError(f'{status} {found} from {self.worker}')


def answers(worker: Worker) -> bool:
    """Tell whether a worker answers, in time, whoever may be attached."""
    return http_get(worker.port, '/servers', PATIENCE)[0] == 200


class _Client(dap.Client):
    """Takes the door that it was shown also for the other workers.

    Behind that is what cuts the connections.
    """

    def _connect(self, host: str, port: int, name: str) -> dap.Session:
        return super()._connect(host, self.port, name)


def main() -> None:
    """Go through all stages."""
    parser = argparse.ArgumentParser()
    parser.add_argument('port', type=int)
    parser.add_argument('workers', type=int)
    parser.add_argument('stage', nargs='?')
    args = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})

    def reached(stage: str) -> None:
        print(f'STAGE {stage}', flush=True)
        if stage == args.stage and stage != 'evaluating':
            signal.sigwait({signal.SIGUSR1})

    client = _Client(args.port, timeout=LONGEST_STOP)
    client.break_at(
        SOURCE, breakpoint_line(), condition=f'visitor == {NAME.title()!r}'
    )
    session = client._connect(client.host, args.port, 'root')
    session.initialize(**client.capabilities)
    reached('initialized')
    session.attach(client._configure, **client.attach_arguments)
    session.attached = True
    client.wait_attached(args.workers)
    reached('attached')
    stop = client.wait_stopped()
    reached('stopped')
    reached('evaluating')
    found = stop.evaluate(_CALCULATION)
    if found != repr(NAME.title()):
        sys.exit(f'evaluated {found}')
    stop.resume()
    client.detach()
    reached('detached')


if __name__ == '__main__':
    main()
