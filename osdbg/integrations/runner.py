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

"""What ``osdbg run`` does in the program that it runs."""

from __future__ import annotations

from collections.abc import Callable
import os
import sys
from typing import Any

from osdbg import bootstrap
from osdbg import environment
from osdbg import integrations
from osdbg.integrations import wsgi_servers
from osdbg import program
from osdbg import reading
from osdbg import sources


def begin(inject: str | None = None) -> Callable[[], None] | None:
    """Start osdbg before the first line of the program.

    Where its workers show later, they are started once more, with the
    configuration of the service.

    :param inject: where osdbg was brought along from, if it was
    :returns: what to call last, when nothing else sets a profile function
    """
    if environment.FOLLOW_EXEC not in os.environ:
        sources.take_environ(os.environ)
    integrations.enable_cheaply()
    if wsgi_servers.forks_in_c():
        wsgi_servers.await_workers(inject)
        return None
    if not reading.blocks():
        bootstrap.arm()
    elif program.is_embedded():
        # There is no first line, and an exit would be the server's.
        try:
            bootstrap.arm(waits=False)
        except SystemExit as exc:
            bootstrap.complain(str(exc))
    else:
        # Not here: site is being imported, and pydevd imports it, too.
        return _arm_at_the_first_line
    return None


def _arm_at_the_first_line() -> None:
    before = sys.getprofile()

    def profile(frame: Any, event: str, arg: Any) -> None:
        code = frame.f_code.co_name
        if (code, frame.f_globals.get('__name__')) == ('<module>', '__main__'):
            sys.setprofile(before)
            bootstrap.arm(None, frame)

    sys.setprofile(profile)
