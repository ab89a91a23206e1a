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

"""Guru Meditation reports, with what ``osdbg stacks`` shows.

The report's own section on green threads has none of their names, and not what
they wait for; each that has ended or not begun is a "No Traceback!".
"""

from __future__ import annotations

import os
import sys
import types
from typing import Any

from osdbg.integrations import base

TITLE = 'Threads, green threads, and what they wait for (osdbg)'
"""What the section is called."""


class OsloReportsIntegration(base.Integration):
    """Adds a section to each report."""

    hosts = ('oslo_reports.guru_meditation_report',)

    def install(self, host: Any) -> None:
        """Register the section.

        With the class that services use: it has a list of its own if any was
        registered before.
        """
        host.TextGuruMeditation.register_section(TITLE, section)
        self._registered = host.TextGuruMeditation.persistent_sections

    def undo(self) -> None:
        """Take the section out of the reports."""
        super().undo()
        registered = getattr(self, '_registered', [])
        # Pairs are lists up to oslo.reports 3.6, on Python 3.9.
        registered[:] = [
            pair for pair in registered if tuple(pair) != (TITLE, section)
        ]


def section() -> Any:
    """Return the section as a model of oslo.reports; never raise.

    It would be the end of the whole report.
    """
    from oslo_reports.models import with_default_views

    try:
        text = _text(_reported())
    except Exception as exc:
        text = f'osdbg cannot take them: {exc!r}: please report it'
    return with_default_views.ModelWithDefaultViews(
        {'stacks': text}, text_view=_view
    )


def _view(model: Any) -> str:
    return str(model['stacks'])


def _reported() -> types.FrameType | None:
    """Return what this thread was at when it had to make the report."""
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        module = str(frame.f_globals.get('__name__'))
        if module.partition('.')[0] not in ('osdbg', 'oslo_reports'):
            break
        frame = frame.f_back
    return frame


def _text(here: types.FrameType | None) -> str:
    # Loaded only where such a report is made.
    from osdbg.cli import stack_text
    from osdbg.inspection import stacks

    told = stack_text.unfold(stacks.take(here))
    lines = stack_text.Text(told, os.getpid(), whole=False).lines()
    return '\n'.join(text for kind, text in lines if kind != 'hidden')
