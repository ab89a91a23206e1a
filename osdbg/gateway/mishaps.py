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

"""What goes wrong in the gateway itself, told where somebody may read it."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from typing import Any

from osdbg.gateway.workers import Workers

_MAX_REPORTS = 100
_EXHAUSTED = (errno.EMFILE, errno.ENFILE)


class Mishaps:
    """What has been told of exceptions that nobody caught."""

    def __init__(self, workers: Workers) -> None:
        """Take the workers, in the logs of whose services it is told."""
        self._workers = workers
        self._reported: set[str] = set()

    def report(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        """Have trouble of the gateway show in the log of a service, once.

        :param loop: where it has come up
        :param context: see ``loop.call_exception_handler()``
        """
        error = context.get('exception')
        what = repr(error or context.get('message'))
        if what in self._reported or len(self._reported) >= _MAX_REPORTS:
            return
        self._reported.add(what)
        line = f'stumbled ({what}) and goes on; {_advice(error)}'
        if getattr(error, 'errno', None) in _EXHAUSTED:
            line = f'has no descriptor left and goes on; {_advice(error)}'
        workers = list(self._workers.values())
        # It may be about any of them.
        own = [w for w in workers if w.guard.uid == os.geteuid()]
        for worker in own[:1]:
            worker.log(logging.WARNING, f'the osdbg gateway {line}')


def _advice(error: object) -> str:
    """Tell what to do about an exception that nobody has caught."""
    if isinstance(error, MemoryError):
        return f'see what limits the memory of process {os.getpid()}'
    if getattr(error, 'errno', None) in _EXHAUSTED:
        return (
            f'type: prlimit --pid {os.getpid()} --nofile=4096, and set '
            f'LimitNOFILE= in the unit of the service'
        )
    return 'please report it'
