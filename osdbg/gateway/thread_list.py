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

"""The threads of a worker as its client knows them."""

from __future__ import annotations

from osdbg.gateway import dap


class ThreadList:
    """Follows what a debugger says; a client has to be told when it dies."""

    def __init__(self) -> None:
        """Begin with none."""
        self._ids: set[int] = set()

    def follow(self, message: dap.Message) -> None:
        """Take note of an event of the debugger.

        :param message: any event
        """
        body = message.get('body')
        if message.get('event') == 'thread' and isinstance(body, dict):
            thread = body.get('threadId')
            if not isinstance(thread, int):
                return
            if body.get('reason') == 'started':
                self._ids.add(thread)
            else:
                self._ids.discard(thread)

    def end(self, client: dap.Peer) -> None:
        """Tell the client that all of them are no more.

        :param client: whoever has been told of them
        """
        for thread in self._ids:
            client.event('thread', {'reason': 'exited', 'threadId': thread})
        self._ids.clear()
