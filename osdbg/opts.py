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

"""The table of options as oslo.config sees it."""

from __future__ import annotations

import os
from typing import Any

from oslo_config import cfg
from oslo_config import types

from osdbg import addresses
from osdbg import exceptions
from osdbg import option_table
from osdbg import settings
from osdbg import sources
from osdbg import values

_TITLE = 'Attaching an IDE to this service (osdbg)'
_HELP = (
    'Options of osdbg. Off unless port, or a UNIX socket as host, is set; '
    'while it is and no client is attached, the service runs at full speed.'
)


class _Lenient(types.ConfigType):
    """Let a bad value pass, for ``read`` to refuse.

    oslo.config itself would end the whole service over it, before osdbg could
    tell whether the debugger was required at all.
    """

    def __call__(self, value: Any) -> Any:
        try:
            return super().__call__(value)
        except ValueError:
            return value


class _Boolean(_Lenient, types.Boolean):
    pass


class _Float(_Lenient, types.Float):
    pass


class _HostAddress(_Lenient, types.HostAddress):
    pass


class _List(_Lenient, types.List):
    pass


class _Port(_Lenient, types.Port):
    pass


class _String(_Lenient, types.String):
    pass


class _SharedOpt(cfg.Opt):
    """An option the service may register under the same name as well.

    Nova did so until 2025.1. oslo.config compares the two and raises unless
    they are equal.
    """

    def __eq__(self, another: object) -> bool:
        return isinstance(another, cfg.Opt) and another.dest == self.dest

    def __ne__(self, another: object) -> bool:
        return not self == another

    __hash__ = cfg.Opt.__hash__


def _oslo_type(setting: option_table.Setting) -> types.ConfigType:
    if setting.kind == values.BOOLEAN:
        return _Boolean()
    if setting.kind == values.HOST:
        return _HostAddress()
    if setting.kind in (values.LIST, values.MAPPINGS):
        return _List()
    if setting.kind == values.PORT:
        return _Port(min=1, type_name='port value')
    if setting.kind == values.SECONDS:
        return _Float(min=0)
    return _String(choices=list(setting.choices) or None)


def _oslo_opt(setting: option_table.Setting) -> cfg.Opt:
    default = setting.default
    return _SharedOpt(
        setting.name,
        type=_oslo_type(setting),
        default=list(default) if isinstance(default, tuple) else default,
        help=setting.help,
        sample_default='<program name>' if setting.name == 'name' else None,
    )


_OPTS = [_oslo_opt(setting) for setting in option_table.SETTINGS]


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """List the options for oslo-config-generator and the documentation.

    :returns: the group and its options
    """
    group = cfg.OptGroup(option_table.GROUP, title=_TITLE, help=_HELP)
    return [(group, [_oslo_opt(setting) for setting in option_table.SETTINGS])]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options, whether or not ``conf`` was parsed already.

    An option the service registered itself is left as it is. ``host`` and
    ``port`` become command-line options where that is still possible.

    :param conf: the configuration of the service
    """
    for opt in _missing(conf):
        if option_table.BY_NAME[opt.dest].cli:
            try:
                conf.register_cli_opt(opt, group=option_table.GROUP)
                continue
            except cfg.ArgsAlreadyParsedError:
                pass
        conf.register_opt(opt, group=option_table.GROUP)


def register_cli_opts(conf: cfg.ConfigOpts) -> None:
    """Register ``--remote_debug-host`` and ``--remote_debug-port``.

    :param conf: the configuration of the service, not parsed yet
    :raises: oslo_config.cfg.ArgsAlreadyParsedError
    """
    for opt in _missing(conf):
        if option_table.BY_NAME[opt.dest].cli:
            conf.register_cli_opt(opt, group=option_table.GROUP)


def read(conf: cfg.ConfigOpts | None) -> settings.Settings | None:
    """Read the settings: command line over environment over file.

    The environment counts with every ``conf``, also one that was never
    parsed or ignores the environment otherwise.

    :param conf: the configuration of the service, or None for the
        environment alone
    :returns: the settings, or None when osdbg is off
    :raises: InvalidOption
    """
    if conf is None:
        return sources.read_environ(os.environ)
    register_opts(conf)
    given = sources.from_environ(os.environ)
    if not given and not sources.asked(given) and not _is_on(conf):
        return None
    for setting in option_table.SETTINGS:
        found = _find(conf, setting.name)
        if found and (found[2] or setting.name not in given):
            given[setting.name] = found[:2]
    if not sources.asked(given):
        return None
    resolved = sources.resolve(given)
    return resolved if resolved.on else None


def overrule(conf: cfg.ConfigOpts, service: cfg.ConfigOpts) -> None:
    """Have what the operator typed count in another configuration, too.

    :param conf: one that was made of files alone
    :param service: the one that has the service's command line
    """
    register_opts(conf)
    register_opts(service)
    for setting in option_table.SETTINGS:
        found = _find(service, setting.name)
        if found and found[2]:
            conf.set_override(setting.name, found[0], option_table.GROUP)


def is_parsed(conf: cfg.ConfigOpts) -> bool:
    """Tell whether the service has called ``conf`` already.

    :param conf: the configuration of the service
    :returns: whether files and command line have been read
    """
    return getattr(conf, '_args', ()) is not None


def required(conf: cfg.ConfigOpts | None) -> bool:
    """Tell whether the service must not start without its debugger.

    Answers also when other options are bad, and False when it is itself.

    :param conf: the configuration of the service, or None for the
        environment alone
    :returns: the value of ``required``
    """
    if conf is None:
        return sources.required(os.environ)
    name = 'required'
    try:
        given = sources.from_environ(os.environ).get(name)
        register_opts(conf)
        found = _find(conf, name)
        if found and (found[2] or not given):
            given = found[:2]
        return bool(
            given and settings.parse(option_table.BY_NAME[name], *given)
        )
    except Exception:
        return False


def _missing(conf: cfg.ConfigOpts) -> list[cfg.Opt]:
    registered = conf[option_table.GROUP] if option_table.GROUP in conf else ()
    return [opt for opt in _OPTS if opt.dest not in registered]


def _is_on(conf: cfg.ConfigOpts) -> bool:
    try:
        group = conf[option_table.GROUP]
        unix = addresses.is_unix(str(group.host))
        on_demand = group.activate == 'on_demand'
        return unix or on_demand or group.port is not None
    except (cfg.Error, ValueError):
        # A value that cannot even be looked at is reported, not passed over.
        return True


def _find(conf: cfg.ConfigOpts, name: str) -> tuple[str, str, bool] | None:
    """Look an option up where the service keeps it.

    :returns: text, source, and whether that outranks the environment; None
        when nothing was written
    """
    try:
        value = conf[option_table.GROUP][name]
        location = conf.get_location(name, option_table.GROUP)
    except (cfg.Error, ValueError) as error:
        raise exceptions.InvalidOption(
            name, '?', 'oslo.config', f'a readable value ({error})'
        ) from None
    text = ','.join(value) if isinstance(value, list) else str(value)
    if value is None or not text.strip() or location is None:
        return None
    if location.location is cfg.Locations.opt_default:
        return None
    source, outranks = _SOURCES.get(
        location.location, ('the code of the service', False)
    )
    word = None if outranks else _word(conf, name)
    if word:
        return word, 'the command line', True
    return text, source or location.detail, outranks


def _word(conf: cfg.ConfigOpts, name: str) -> str | None:
    """Read an option off the command line itself.

    Where a file has the option as well, oslo.config takes the file for the
    source, and the environment wins over both.
    """
    flag, stem = f'--{option_table.GROUP}-{name}', f'--{option_table.GROUP}-'
    found = None
    words = iter(getattr(conf, '_args', None) or ())
    for word in words:
        if word == '--':
            break
        given, equals, value = word.partition('=')
        if given.startswith(stem) and flag.startswith(given):
            found = value if equals else next(words, None)
    return found


# Where oslo.config found a value, and whether that outranks the environment.
_SOURCES = {
    cfg.Locations.command_line: ('the command line', True),
    cfg.Locations.environment: ('', False),
    cfg.Locations.set_override: ('the code of the service', True),
    cfg.Locations.user: ('', False),
}
