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

"""What an agent tells of its process, after its hello."""

from __future__ import annotations

from typing import Any

from osdbg.gateway.fields import field
from osdbg.gateway.fields import place_of
from osdbg.gateway.fields import seconds_of
from osdbg.gateway.group import Group
from osdbg.gateway.worker import Worker
from osdbg.gateway.workers import Workers


def note(
    message: dict[str, Any], worker: Worker, group: Group, workers: Workers
) -> None:
    """Take what an agent tells; what is no news of ours is passed over.

    :param message: what it has sent
    :param worker: its process
    :param group: which that is in
    :param workers: all there are
    :raises: KeyError, TypeError, ValueError if it is nonsense
    """
    if 'forked' in message:
        worker.expect_child()
        group.review()
    elif 'launching' in message:
        group.launch(worker)
    elif 'open' in message:
        opened, left = bool(message['open']), seconds_of(message, 'left')
        # What has expired was closed then, and that was told.
        if opened or worker.opened:
            group.switch(worker, opened, left)
    elif 'loaded' in message:
        version = str(message.get('version'))
        worker.debugger.traces(str(message['loaded']), version)
    elif 'attached' in message:
        worker.knows()
    elif 'admitted' in message:
        worker.guard.answered(message['admitted'], message.get('veto'))
    elif 'failed' in message:
        reason = str(message.get('reason'))
        worker.failed(str(message['failed']), reason)
    else:
        _note_stop(message, worker, workers)


def _note_stop(
    message: dict[str, Any], worker: Worker, workers: Workers
) -> None:
    if 'stopped' in message:
        stopped = field(message, 'stopped', dict)
        along = field(stopped, 'along', bool)
        worker.stops.enter(*_number_and_place(stopped), along)
    elif 'resumed' in message:
        resumed = field(message, 'resumed', dict)
        numbers = field(resumed, 'n', list)
        worker.stops.leave(numbers, field(resumed, 'stepping', bool))
    elif 'stopping' in message:
        stopping = field(message, 'stopping', dict)
        worker.stops.decide(*_number_and_place(stopping), workers.values())


def _number_and_place(stop: dict[str, Any]) -> tuple[int, str]:
    place = place_of(stop)
    return field(stop, 'n', int), place
