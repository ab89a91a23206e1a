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

"""What the options of this process say, with as little loaded as can be.

They are in the service's configuration, in the environment, or inherited from
the launcher; nearly always there are none.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from osdbg import settings as settings_

# option_table.GROUP and settings.env_name(), before that module is loaded.
_GROUP = 'remote_debug'
_VARIABLES = 'OS_REMOTE_DEBUG__'
DISABLE = 'OSDBG_DISABLE'
# Set to anything but these, it welds everything shut.
_NOT = ('', '0', 'false', 'no', 'off')

_inherited: settings_.Settings | None = None


def is_disabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether ``OSDBG_DISABLE`` is set, whatever the options say.

    :param environ: of this process, or of another
    """
    return environ.get(DISABLE, '').strip().lower() not in _NOT


def is_mentioned(conf: Any) -> bool:
    """Tell whether anybody speaks of osdbg; nearly nobody does.

    Loads and registers nothing. Where it cannot tell (a configuration that
    was not read yet, has no file, or comes from elsewhere), it says yes.

    :param conf: as for ``init()``
    """
    if any(name.startswith(_VARIABLES) for name in os.environ):
        return True
    # Not while another thread is importing it: it has half of its names then.
    taken = getattr(sys.modules.get('osdbg.sources'), 'taken', None)
    if _inherited is not None or (taken is not None and taken()):
        return True
    if conf is None:
        return False
    sections = conf.list_all_sections()
    return (
        not sections
        or _GROUP in sections
        or _GROUP in conf
        or bool(conf.config_source)
    )


def read(conf: Any) -> settings_.Settings | None:
    """Read the options, unless ``OSDBG_DISABLE`` is set.

    :param conf: as for ``init()``
    :returns: the options; None when osdbg is off
    :raises: InvalidOption
    """
    return None if is_disabled() else read_anyway(conf)


def read_anyway(conf: Any) -> settings_.Settings | None:
    """Read the options, whether or not ``OSDBG_DISABLE`` is set.

    :param conf: as for ``init()``
    :returns: the options; None when they ask for nothing
    :raises: InvalidOption
    """
    if _inherited is not None:
        return _inherited
    if conf is None:
        from osdbg import sources

        return sources.read_environ(os.environ)
    from osdbg import opts

    settings = opts.read(conf)
    if settings is None and not opts.is_parsed(conf):
        import logging

        logging.getLogger('osdbg').warning(
            'osdbg cannot tell whether it is wanted: init(CONF) was called '
            'before CONF(sys.argv[1:], ...); call it after'
        )
    return settings


def resolve(conf: Any) -> settings_.Settings | None:
    """Read the options, and start nothing.

    :param conf: as for ``init()``
    :returns: the options; None when osdbg is off, or ``init()`` would refuse
        them
    """
    try:
        return read(conf) if is_mentioned(conf) else None
    except Exception:
        return None  # init() finds and tells the same


def is_required(conf: Any) -> bool:
    """Tell whether the service must not start without its debugger.

    :param conf: as for ``init()``
    """
    try:
        if is_disabled():
            return False
        if _inherited is not None:
            return _inherited.required
        if conf is None:
            # Without oslo.config, which may be missing.
            from osdbg import sources

            return sources.required(os.environ)
        if not is_mentioned(conf):
            return False
        from osdbg import opts

        return opts.required(conf)
    except Exception:
        return False  # what is wrong with the options is said elsewhere


def blocks() -> bool:
    """Tell whether ``init()`` would wait, or end the program."""
    try:
        settings = read(None)
    except Exception:
        return True  # if it is required
    return settings is not None and (
        settings.required
        or settings.wait_for_client
        or settings.suspend
        or settings.activate == 'on_init'
    )


def inherit(settings: settings_.Settings) -> None:
    """Have ``init()`` use the options that the launcher of this worker read.

    :param settings: what ``bootstrap.bequeath()`` returned there
    """
    global _inherited
    _inherited = settings
