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

"""The paste filter: osdbg by a line of ``api-paste.ini``.

It only reads the options; ``wsgi.py`` has the rest. PasteDeploy needs a
function and nothing else, so it is not imported here.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import difflib
import os
from typing import Any

from osdbg import bootstrap
from osdbg import exceptions
from osdbg.integrations import base
from osdbg.integrations import wsgi
from osdbg import option_table
from osdbg import sources

# Where else the options may be, spelled as for oslo.middleware's filters.
_FILES = ('oslo_config_project', 'oslo_config_program', 'oslo_config_file')
_STOPS = [stop.name for stop in wsgi.STOPS]
_KNOWN = tuple(dict.fromkeys((*option_table.BY_NAME, *_STOPS, *_FILES)))


def filter_factory(
    global_conf: Mapping[str, str] | None, **local_conf: str
) -> Callable[[Any], Any]:
    """Make the filter of a paste file.

    :param global_conf: the file's ``[DEFAULT]`` section, of which only the
        options that say where others are count
    :param local_conf: the filter's own section: options of
        ``[remote_debug]``, those of ``wsgi.STOPS``, and ``oslo_config_*``
    :returns: what makes an application debuggable; one that returns the
        application itself when osdbg is off
    :raises: SystemExit if ``required`` is set and the debugger cannot be had
    """
    shared = global_conf or {}
    source = shared.get('__file__') or 'the paste file'

    def remote_debug(app: Any) -> Any:
        places = {**shared, **local_conf}
        sources.note(_given(local_conf, source))
        conf = _conf(places, source)
        _refuse_unknown(local_conf, conf, source)
        return wsgi.wrap_as_written(app, conf, local_conf, source)

    return remote_debug


def _given(
    local_conf: Mapping[str, str], source: str
) -> dict[str, tuple[str, str]]:
    # An empty value counts as unset, as everywhere. What stops in requests is
    # the filter's own, also where [remote_debug] has an option of that name.
    return {
        name: (text, source)
        for name, text in local_conf.items()
        if name in option_table.BY_NAME
        and name not in _STOPS
        and text
        and not text.isspace()
    }


def _conf(places: Mapping[str, str], source: str) -> Any:
    """Return the configuration beside the paste file, or None."""
    service = base.parsed(None)
    if not any(places.get(name) for name in _FILES):
        return service
    from oslo_config import cfg

    from osdbg import opts

    file = places.get('oslo_config_file')
    conf = cfg.ConfigOpts()
    try:
        conf(
            [],
            project=places.get('oslo_config_project'),
            prog=places.get('oslo_config_program'),
            default_config_files=[file] if file else None,
        )
    except cfg.Error as exc:
        bootstrap.complain(
            f'osdbg does without the configuration {source} names: {exc}'
        )
        return service
    if service is not None:
        opts.overrule(conf, service)
    return conf


def _refuse_unknown(
    local_conf: Mapping[str, str], conf: Any, source: str
) -> None:
    for name in local_conf:
        if name in _KNOWN:
            continue
        near = difflib.get_close_matches(name, _KNOWN, n=3, cutoff=0.5)
        known = tuple(near) or _KNOWN
        line = str(exceptions.UnknownOption(name, source, known))
        if _is_required(conf):
            raise SystemExit(line)
        bootstrap.complain(line)


def _is_required(conf: Any) -> bool:
    if conf is None:
        return sources.required(os.environ)
    # Not before: "osdbg run --inject" need not bring oslo.config along.
    from osdbg import opts

    return opts.required(conf)
