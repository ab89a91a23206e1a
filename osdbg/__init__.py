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

"""Make any OpenStack or oslo service debuggable from an IDE.

Importing this package loads nothing: a service pays for osdbg only once it
has been told to use it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osdbg.bootstrap import attach
    from osdbg.bootstrap import detach
    from osdbg.bootstrap import init
    from osdbg.bootstrap import monkey_patch
    from osdbg.bootstrap import status
    from osdbg.breakpoints import breakpoint
    from osdbg.breakpoints import set_trace
    from osdbg.chosen import here
    from osdbg.chosen import only
    from osdbg.integrations.oslo_service import RemoteDebugMixin
    from osdbg.opts import list_opts
    from osdbg.opts import register_cli_opts
    from osdbg.opts import register_opts

__all__ = [
    'RemoteDebugMixin',
    'attach',
    'breakpoint',
    'detach',
    'here',
    'init',
    'list_opts',
    'monkey_patch',
    'only',
    'register_cli_opts',
    'register_opts',
    'set_trace',
    'status',
]

_HOMES = {
    'RemoteDebugMixin': 'osdbg.integrations.oslo_service',
    'breakpoint': 'osdbg.breakpoints',
    'here': 'osdbg.chosen',
    'list_opts': 'osdbg.opts',
    'only': 'osdbg.chosen',
    'register_cli_opts': 'osdbg.opts',
    'register_opts': 'osdbg.opts',
    'set_trace': 'osdbg.breakpoints',
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    home = _HOMES.get(name, 'osdbg.bootstrap')
    found: object = getattr(__import__(home, fromlist=[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
