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

"""What ``osdbg demo`` looks like: coloured on a terminal, plain in a pipe."""

from __future__ import annotations

import json
from typing import Any, TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from osdbg.cli.demo_run import Rate
    from osdbg.cli.demo_run import Worker
    from osdbg.cli.demo_session import Stop

_BAR = 20
_SLOWER = 0.67


class Screen:
    """Where the demo is shown."""

    def __init__(self, verbose: bool) -> None:
        """Prepare to print.

        :param verbose: whether to print what the service writes
        """
        self._verbose = verbose
        # Never break a line: one may want to copy or to grep it.
        self._console = Console(highlight=False, soft_wrap=True)

    def say(self, text: str, style: str = '') -> None:
        """Print a line as it is."""
        self._console.print(Text(text, style))

    def title(self, text: str) -> None:
        """Say what comes next."""
        self.say('')
        self.say(text, 'bold cyan')

    def point(self, who: str, text: str, style: str = '') -> None:
        """Say what has happened, and to whom."""
        line = Text(f'  {who:<20} ', 'bold')
        self._console.print(line.append(text, style or 'not bold'))

    def echo(self, line: str) -> None:
        """Show a line of the service's log to whom it interests."""
        if self._verbose:
            self.say(f'  | {line}', 'dim')

    def stopped(self, worker: Worker, stop: Stop, variable: str) -> None:
        """Show where a worker stands.

        :param variable: a local variable and its value
        """
        self.point(
            worker.title,
            f'stopped at {stop.where} in {stop.function}()',
            'red',
        )
        self.point('', variable, 'yellow')

    def rate(self, when: str, rate: Rate, best: Rate) -> None:
        """Show a throughput beside another, the one that is a full bar."""
        ratio = best.cost / rate.cost
        self.point(
            when,
            f'{rate.per_second:6.0f}/s  {rate.cost * 1e6:6.0f} us  '
            + '#' * min(2 * _BAR, round(_BAR * ratio)),
            'green' if ratio > _SLOWER else 'yellow',
        )

    def invite(
        self, configuration: dict[str, Any], place: str, url: str
    ) -> None:
        """Tell a person how to go on with an IDE.

        :param configuration: for launch.json
        :param place: the file and the line of the breakpoint
        :param url: a request that comes by there
        """
        launch = {'version': '0.2.0', 'configurations': [configuration]}
        self.title('Now you. Paste into .vscode/launch.json:')
        self.say(json.dumps(launch, indent=4))
        self.title('Attach, set a breakpoint, and send a request:')
        self.say(f'  {place}')
        self.say(f"  curl '{url}'")
        self.title('The service runs until Ctrl-C.')
