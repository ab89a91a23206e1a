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

"""``python -m tests.fuzz.with_atheris [dap|control] [SECONDS]``

Looks for inputs that take a way through our code that none has taken, from
the same seeds as the tests. The one that ends it is kept in ``crash-KIND-*``:
it belongs into ``seeds``.
"""

import asyncio
import importlib
import os
import subprocess
import sys
import tempfile

from tests.fuzz import profiles

KINDS = ('dap', 'control')
SECONDS = 120
LOOP = asyncio.new_event_loop()


def play_dap(dap, data):
    async def read_all():
        reader = asyncio.StreamReader(limit=dap.MAX_HEADER)
        reader.feed_data(data)
        reader.feed_eof()
        while (message := await dap.read(reader, dap.STRANGER)) is not None:
            dap.encode(message)

    try:
        LOOP.run_until_complete(read_all())
    except dap.ProtocolError:
        pass


def play_control(protocol, data):
    for line in data.splitlines(keepends=True):
        try:
            message = protocol.decode(line)
        except ValueError:
            continue
        assert protocol.decode(protocol.encode(message)) == message


def fuzz(atheris, kind, arguments):
    # What is to be followed is compiled for that when it is imported.
    with atheris.instrument_imports(include=['osdbg']):
        name = {'dap': 'dap', 'control': 'protocol'}[kind]
        module = importlib.import_module(f'osdbg.gateway.{name}')
    play = {'dap': play_dap, 'control': play_control}[kind]
    atheris.Setup([sys.argv[0], *arguments], lambda data: play(module, data))
    atheris.Fuzz()


def run(kind, seconds):
    """Fuzz in a process of its own, since atheris ends it."""
    with tempfile.TemporaryDirectory(prefix='osdbg-fuzz-') as corpus:
        crashes = os.path.join(os.getcwd(), f'crash-{kind}-')
        return subprocess.run(
            [
                sys.executable,
                '-m',
                'tests.fuzz.with_atheris',
                '--inside',
                kind,
                f'-max_total_time={seconds}',
                '-print_final_stats=1',
                '-rss_limit_mb=512',
                '-timeout=5',
                f'-artifact_prefix={crashes}',
                corpus,
                str(profiles.SEEDS / kind),
            ]
        ).returncode


def main(arguments):
    try:
        import atheris
    except ImportError:
        version = '.'.join(map(str, sys.version_info[:2]))
        print(f'atheris is not installed for Python {version}: left out')
        return 0
    if arguments[:1] == ['--inside']:
        fuzz(atheris, arguments[1], arguments[2:])
        return 0
    kinds = [word for word in arguments if word in KINDS] or KINDS
    numbers = [int(word) for word in arguments if word.isdigit()]
    return max(run(kind, (numbers or [SECONDS])[0]) for kind in kinds)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
