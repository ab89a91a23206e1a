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

"""How a client learns of the other workers: it opens a session for each."""

from __future__ import annotations

from typing import Any

from osdbg.gateway import dap
from osdbg.gateway.worker import Worker

# Not for the sessions with other workers, as in debugpy's adapter.
_NOT_INHERITED = frozenset(
    (
        'processId',
        'preLaunchTask',
        'postDebugTask',
        'request',
        'restart',
        'args',
        'processName',
        'pythonArgs',
    )
)
# Where the client has connected, or by what: see _way().
_WAYS = frozenset(('host', 'port', 'connect', 'listen'))


class Announcer:
    """Asks the client of a root session for further ones."""

    def __init__(
        self,
        client: dap.Peer,
        requests: bool,
        arguments: dict[str, Any],
        address: tuple[str, int],
    ) -> None:
        """Take what all sessions have in common.

        :param client: the connection of the root session
        :param requests: whether it understands "startDebugging"; those of
            debugpy's time understand an event of its own
        :param arguments: of its "attach"
        :param address: where the client is to connect, if it did not say
        """
        self._client = client
        self._requests = requests
        self._arguments = arguments
        self._address = address
        self._declined: set[str] = set()

    def announce(self, worker: Worker) -> None:
        """Have the client open a session with a worker."""
        if worker.id in self._declined:
            return
        configuration = self._configuration_for(worker)
        if self._requests:
            self._client.request(
                'startDebugging',
                {'request': 'attach', 'configuration': configuration},
                lambda response: self._answered(worker, response),
            )
        else:
            self._client.event(
                'debugpyAttach', {**configuration, 'request': 'attach'}
            )

    def _configuration_for(self, worker: Worker) -> dict[str, Any]:
        return {
            **{
                name: value
                for name, value in self._arguments.items()
                if name not in _NOT_INHERITED | _WAYS
            },
            **self._way(),
            'name': worker.title,
            'subProcessId': worker.pid,
        }

    def _way(self) -> dict[str, Any]:
        """Return how the client is to come again."""
        host, port, connect, listen = (
            self._arguments.get(name)
            for name in ('host', 'port', 'connect', 'listen')
        )
        if listen and not (port or connect):
            # VS Code, which speaks with a program of its own then: osdbg
            # bridge. It starts another one if it finds "listen" again.
            return {'listen': listen}
        own_host, own_port = self._address
        way = {'host': host or own_host, 'port': port or own_port}
        way.update(connect if isinstance(connect, dict) else {})
        # Without a port it came by a UNIX socket, and alone knows how.
        return {'connect': way} if way['port'] else {}

    def _answered(self, worker: Worker, response: dap.Message) -> None:
        if not response.get('success') and worker.session is None:
            self._declined.add(worker.id)
            worker.unload()
