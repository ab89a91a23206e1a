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

"""WSGI applications: stop in the requests that were asked for.

For services without a paste file; ``paste.py`` reads one and does the same.
While no client is attached a request costs one look, and without osdbg there
is no wrapper at all.
"""

from __future__ import annotations

from collections.abc import Mapping
import re
from typing import Any

from osdbg import backends
from osdbg import bootstrap
from osdbg import chosen
from osdbg import exceptions
from osdbg.integrations import base
from osdbg.integrations import wsgi_application
from osdbg.integrations import wsgi_servers
from osdbg import option_table
from osdbg import reading
from osdbg import settings
from osdbg import values

STOPS = (
    option_table.Setting(
        'break_on_exception',
        values.BOOLEAN,
        False,
        'Stop where an exception was raised that leaves the application.',
    ),
    option_table.Setting(
        'break_on_path',
        values.STRING,
        None,
        'Stop at the first line of the application when this regular '
        'expression is found in the path of the request.',
    ),
    option_table.Setting(
        'break_on_request_id',
        values.STRING,
        None,
        'Stop at the first line of the application when the request bears '
        'this id.',
    ),
    option_table.Setting(
        'only_header',
        values.STRING,
        None,
        'Stop in those requests only that have this header, with only_token '
        'as its value. All others run as if no client were attached.',
    ),
    option_table.Setting(
        'only_token',
        values.STRING,
        None,
        'The secret that only_header has to have.',
    ),
)

_CHOOSE = ('only_header', 'only_token')
_BREAKS = ('break_on_exception', 'break_on_path', 'break_on_request_id')


def wrap(
    app: Any,
    conf: Any = None,
    *,
    break_on_exception: bool = False,
    break_on_path: str | re.Pattern[str] | None = None,
    break_on_request_id: str | None = None,
    only_header: str | None = None,
    only_token: str | None = None,
) -> Any:
    """Make a service debuggable where its WSGI application is made.

    Under servers that fork their workers, osdbg is started in those.

    :param app: the application
    :param conf: the service's ``oslo_config.cfg.ConfigOpts``; without it
        ``cfg.CONF`` if the service has called it, else the environment alone
    :param break_on_exception: stop where an exception was raised that leaves
        the application, which the server would swallow
    :param break_on_path: stop at the first line of the application when this
        regular expression is found in ``SCRIPT_NAME`` and ``PATH_INFO``;
        may be compiled
    :param break_on_request_id: stop there when the request bears this id
    :param only_header: stop in those requests only that have this header
    :param only_token: the value that the header has to have
    :returns: what to serve: ``app`` itself when osdbg is off
    :raises: SystemExit as ``osdbg.init()``
    """
    texts = {
        'break_on_exception': str(break_on_exception),
        'break_on_path': break_on_path,
        'break_on_request_id': break_on_request_id,
        'only_header': only_header,
        'only_token': only_token,
    }
    return wrap_as_written(app, base.parsed(conf), texts, 'the service')


def wrap_as_written(
    app: Any, conf: Any, texts: Mapping[str, Any], source: str
) -> Any:
    """Do what ``wrap()`` does, with options as they were written.

    :param app: the application
    :param conf: the configuration to read, or None
    :param texts: the options of ``STOPS`` by name
    :param source: where they were written, for messages
    :returns: as ``wrap()``
    :raises: SystemExit as ``osdbg.init()``
    """
    if not _arm(conf):
        return app
    stops = {}
    for stop in STOPS:
        text = texts.get(stop.name)
        blank = isinstance(text, str) and not text.strip()
        if text is not None and not blank:
            stops[stop.name] = _read(stop, text, source)
    choose(stops, source, asked=any(map(texts.get, _CHOOSE)))
    prompts = _check(reading.resolve(conf), stops)
    return wsgi_application.DebuggedApplication(app, conf, stops, prompts)


def choose(stops: Mapping[str, Any], source: str, asked: bool) -> None:
    """Have only those requests stop that bear the token, if there is one.

    :param stops: the options, as far as they could be read
    :param source: where they were written, for messages
    :param asked: whether any was written: what cannot be read lets nobody in
    """
    if not asked:
        return
    header, token = map(stops.get, _CHOOSE)
    if not header or not token:
        bootstrap.complain(
            f'osdbg stops in no request of this process: {source} needs both '
            f'only_header and only_token, such as only_header = X-OSDBG and '
            f'only_token = a secret: set both, or neither'
        )
        header, token = '', None
    chosen.by_token(header, token)


def _check(wished: settings.Settings | None, stops: dict[str, Any]) -> bool:
    """Say which of the stops the debugger cannot do.

    :returns: whether a stop calls for a client, where none is attached
    """
    if wished is None or not any(stops.get(name) for name in _BREAKS):
        return False
    try:
        abilities = backends.find(wished.backend).abilities
        if stops.get('break_on_exception'):
            option = 'break_on_exception'
            backends.need(wished, option, True, backends.Ability.EXCEPTIONS)
    except exceptions.OsdbgError as exc:
        bootstrap.complain(f'osdbg does without it: {exc}')
        abilities = backends.find(wished.backend).abilities
    return backends.Ability.PROMPT in abilities


def _arm(conf: Any) -> bool:
    """Arm the workers; tell whether osdbg is on, or is going to be."""
    if wsgi_servers.forks_in_c() and reading.resolve(conf) is not None:
        wsgi_servers.arm_workers(conf)
        return True
    bootstrap.arm(conf)  # or only say why not
    return bootstrap.status() is not None


def _read(stop: option_table.Setting, text: Any, source: str) -> Any:
    try:
        if not isinstance(text, str):
            return _compiled(stop, text, source)
        value = settings.parse(stop, text, source)
        if stop.name != 'break_on_path':
            return value
        try:
            return re.compile(value)
        except re.error as exc:
            expected = f'a regular expression, such as ^/v3/auth ({exc})'
            raise exceptions.InvalidOption(
                stop.name, text, source, expected
            ) from None
    except exceptions.InvalidOption as exc:
        bootstrap.complain(f'osdbg does without it: {exc}')
    return None


def _compiled(stop: option_table.Setting, value: Any, source: str) -> Any:
    """Return what is a regular expression already, for text."""
    if stop.name == 'break_on_path' and isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            return value
    # Not what it is: it may be a secret.
    shown = f'a {type(value).__name__}'
    raise exceptions.InvalidOption(stop.name, shown, source, 'a string')
