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

"""What an integration is."""

from __future__ import annotations

import abc
from collections.abc import Callable
from collections.abc import Sequence
import functools
import sys
from typing import Any

from osdbg import replaced


def parsed(conf: Any) -> Any:
    """Choose the configuration that ``init()`` is to read.

    :param conf: what the service seems to use, or None
    :returns: that, else ``cfg.CONF`` if the service has called it, else None
    """
    if hasattr(conf, 'list_all_sections'):
        return conf
    cfg = sys.modules.get('oslo_config.cfg')
    # Ask it for nothing that would register or read an option.
    called = cfg is not None and getattr(cfg.CONF, '_args', None) is not None
    return cfg.CONF if cfg is not None and called else None


class Integration(abc.ABC):
    """A way into the services that one library runs; do and undo."""

    hosts: Sequence[str] = ()
    """The modules to wait for; never imported by osdbg itself."""

    instead = 'call osdbg.init(CONF) in its workers'
    """What to do with a version of a host that it does not know."""

    def __init__(self) -> None:
        """Prepare; nothing of the host is touched yet."""
        self._replaced = replaced.Replaced()

    @abc.abstractmethod
    def install(self, host: Any) -> None:
        """Hook into a module that has just been loaded, by ``replace``.

        :param host: one of ``hosts``
        """

    def loaded(self, host: Any) -> None:
        """Install, and let no failure of ours reach who imports the host.

        :param host: one of ``hosts``
        """
        try:
            self.install(host)
        except Exception as exc:
            from osdbg import bootstrap

            self.undo()

            bootstrap.complain(
                f'osdbg does not know this version of {host.__name__} '
                f'({exc!r}): {self.instead}'
            )

    def replace(self, owner: Any, name: str, replacement: Any) -> None:
        """Put something in the place of an attribute of the host.

        :param owner: the module or class
        :param name: of the attribute
        :param replacement: what to put there
        """
        self._replaced.put(owner, name, replacement)

    def call_first(
        self, owner: Any, name: str, first: Callable[[Any], object]
    ) -> None:
        """Have a function called before a method of the host.

        :param owner: the class
        :param name: of the method
        :param first: called with the instance
        """
        original = vars(owner)[name]

        @functools.wraps(original)
        def method(instance: Any, *args: Any, **kwargs: Any) -> Any:
            first(instance)
            return original(instance, *args, **kwargs)

        self.replace(owner, name, method)

    def undo(self) -> None:
        """Put back every original, unless somebody else has replaced ours."""
        self._replaced.undo()
