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

"""The tables of README.rst that come from the code and from measurements.

``python doc/readme.py`` writes them anew; a test fails when it would change
anything.
"""

from __future__ import annotations

from collections.abc import Iterator
import configparser
import json
import pathlib
import re

from osdbg.ide import clients

ROOT = pathlib.Path(__file__).parents[1]
README = ROOT / 'README.rst'
FIGURES = ROOT / 'doc' / 'source' / 'admin' / 'figures.json'
# Each figure by its group and name, and what it is called here.
_SHOWN = {
    ('throughput, eventlet', 'armed, no client'): (
        'eventlet: requests per second, armed, nobody attached'
    ),
    ('throughput, eventlet', 'after detach'): 'the same, after a client left',
    ('throughput, eventlet', 'client attached'): 'the same, client attached',
    ('throughput, eventlet', 'debugpy.listen(), no client'): (
        'for comparison: plain debugpy.listen(), nobody attached'
    ),
    ('throughput, threading', 'armed, no client'): (
        'threads: armed, nobody attached'
    ),
    ('throughput, threading', 'debugpy.listen(), no client'): (
        'for comparison: plain debugpy.listen(), nobody attached'
    ),
    ('attach', 'first verified breakpoint, 1 worker'): (
        'from attach to the first verified breakpoint'
    ),
    ('attach', 'all announced, 16 workers'): (
        'until all of 16 workers are announced'
    ),
    ('memory', 'armed, one process'): 'memory of an armed process',
    ('memory', 'gateway'): 'memory of the gateway, of 16 workers',
}
_WORKERS = {
    True: 'all workers',
    False: 'one worker each',
    None: 'not tried in it',
}
_UNITS = {'x': 'of what it serves without osdbg'}

_Rows = list[tuple[str, ...]]


def _list_table(title: str, widths: str, rows: _Rows) -> Iterator[str]:
    yield f'.. list-table:: {title}'
    yield '   :header-rows: 1'
    yield f'   :widths: {widths}'
    yield ''
    for row in rows:
        for number, cell in enumerate(row):
            yield f'   {" " if number else "*"} - {cell}'.rstrip()


def _pythons() -> str:
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    minors = re.findall(
        r'Python :: 3\.(\d+)', config['metadata']['classifiers']
    )
    return f'3.{min(map(int, minors))} to 3.{max(map(int, minors))}'


def _oldest(package: str) -> str:
    text = (ROOT / 'lower-constraints.txt').read_text()
    return text.partition(f'\n{package}==')[2].partition('\n')[0]


def where() -> Iterator[str]:
    """Return what works where."""
    rows: _Rows = [('', '')]
    rows += [
        ('Python', f'{_pythons()}, CPython, on Linux'),
        (
            f'eventlet, {_oldest("eventlet")} and later',
            'all of it patched, ``thread=False``, ``os=False``, or not at all',
        ),
        (
            f'oslo.service, {_oldest("oslo.service")} and later',
            'eventlet and threading backends, any number of workers',
        ),
        ('WSGI servers', 'uWSGI, gunicorn (sync, gthread, eventlet), Flask'),
    ]
    for client in clients.CLIENTS.values():
        names = client.backends or ('debugpy',)
        workers = _WORKERS[client.every_worker]
        what = f'``osdbg ide {client.name}``, by {", ".join(names)}: {workers}'
        rows.append((client.title, what))
    rows.append(
        ('a terminal', '``osdbg attach``, by remote_pdb: whoever stops first')
    )
    yield from _list_table('What works where', '30 70', rows)


def figures() -> Iterator[str]:
    """Return what it costs, as it was measured."""
    report = json.loads(FIGURES.read_text())
    found = {(row['group'], row['what']): row for row in report['rows']}
    rows: _Rows = [('', 'Measured')]
    for key, title in _SHOWN.items():
        row = found[key]
        unit = _UNITS.get(row['unit'], row['unit'])
        rows.append((title, f'{row["value"]:.2f} {unit}'))
    packages = ', '.join(f'{n} {v}' for n, v in report['packages'].items())
    title = (
        f'Python {report["python"]}, {packages}, {report["cpus"]} processors, '
        f'{report["date"]}'
    )
    yield from _list_table(title, '60 40', rows)


TABLES = {'where': where, 'figures': figures}


def renewed(text: str) -> str:
    """Return a text with its tables as they should be."""
    for name, lines in TABLES.items():
        begin, end = f'.. begin {name}\n', f'.. end {name}\n'
        before, found, rest = text.partition(begin)
        if not found or end not in rest:
            raise ValueError(f'README.rst has no place for the table {name}')
        table = '\n'.join(lines())
        _, _, after = rest.partition(end)
        text = f'{before}{begin}\n{table}\n\n{end}{after}'
    return text


if __name__ == '__main__':
    README.write_text(renewed(README.read_text()))
