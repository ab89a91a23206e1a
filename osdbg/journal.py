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

"""Write osdbg's own lines into the service's log.

The agent runs in a native thread. Under eventlet the locks of ``logging`` are
green: a native thread that takes one can leave a green thread waiting for
ever (oslo.log bug 1983863 is that story). There the record is handed to the
handlers without their locks; and it is made without asking eventlet for the
name of the thread, which takes the lock of the table of threads.
"""

from __future__ import annotations

import copy
import logging
import os
import sys
import time
from typing import Any

from osdbg import patching
from osdbg import waiting

LOG = logging.getLogger('osdbg')
NOT_LOGGED = "the service's logging has raised"
"""What a line on stderr has in it that could not be logged."""

_factory = logging.getLogRecordFactory()


def _make_template() -> logging.LogRecord:
    """Make a record in a thread of the service, as its factory does.

    That asks who the thread is. If it was not begun by ``threading``, it would
    be in the table of threads from then on.
    """
    table: Any = patching.service_threading._active
    known = waiting.get_ident() in table
    record = LOG.makeRecord(LOG.name, logging.INFO, __file__, 0, '', (), None)
    if not known:
        table.pop(waiting.get_ident(), None)
    return record


_template = _make_template()


def write(level: int, text: str, *args: Any) -> None:
    """Log a line from any thread; never raise.

    What a handler, filter or factory of the service raises would end what is
    told of: a client that attaches, or a thread of the service that stops.

    :param level: one of the levels of ``logging``
    :param text: a format, as for ``logging``
    """
    try:
        if 'threading' in patching.patched():
            _write_without_locks(level, text, args)
        else:
            LOG.log(level, text, *args)
    except Exception as exc:
        _write_elsewhere(text, args, exc)


def _write_elsewhere(text: str, args: tuple[Any, ...], exc: Exception) -> None:
    try:
        sys.stderr.write(f'{text % args} ({NOT_LOGGED} {exc!r})\n')
        sys.stderr.flush()
    except Exception:  # noqa: S110
        pass  # it is closed, or there is none


def _write_without_locks(level: int, text: str, args: tuple[Any, ...]) -> None:
    # isEnabledFor() may take the module's lock; this takes none.
    if LOG.disabled or level < max(
        LOG.getEffectiveLevel(), LOG.manager.disable + 1
    ):
        return
    record = _record(level, text, args)
    logger: Any = LOG
    found = False
    while logger is not None:
        for handler in list(logger.handlers):
            found = True
            if level >= handler.level:
                _emit(handler, record)
        logger = logger.parent if logger.propagate else None
    if not found and logging.lastResort and level >= logging.WARNING:
        _emit(logging.lastResort, record)


def _record(level: int, text: str, args: Any) -> logging.LogRecord:
    if logging.getLogRecordFactory() is not _factory:
        return LOG.makeRecord(LOG.name, level, __file__, 0, text, args, None)
    record = copy.copy(_template)
    record.levelno, record.levelname = level, logging.getLevelName(level)
    record.msg, record.args = text, args
    record.created = time.time()
    record.msecs = int(record.created % 1 * 1000) + 0.0
    passed = record.created - _template.created
    record.relativeCreated = _template.relativeCreated + passed * 1000
    record.process = os.getpid()
    record.thread, record.threadName = waiting.get_ident(), 'osdbg'
    return record


def _emit(handler: Any, record: logging.LogRecord) -> None:
    try:
        if not handler.filter(record):
            return
        if not isinstance(handler, logging.StreamHandler):
            handler.emit(record)
            return
        # StreamHandler.emit() takes the lock again when it flushes.
        if hasattr(handler, 'reopenIfNeeded'):
            handler.reopenIfNeeded()
        if handler.stream is None and isinstance(handler, logging.FileHandler):
            handler.stream = handler._open()
        handler.stream.write(handler.format(record) + handler.terminator)
        handler.stream.flush()
    except Exception:  # noqa: S110
        # A log that cannot be written is the service's to report.
        pass
