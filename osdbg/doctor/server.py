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

"""What runs the application, and what that means for a debugger."""

from __future__ import annotations

from collections.abc import Iterator
import re

from osdbg.doctor.case import Case
from osdbg.doctor.case import Patient
from osdbg.doctor.findings import Check
from osdbg.doctor.findings import Finding
from osdbg.doctor.findings import NOTE
from osdbg.doctor.findings import PROBLEM
from osdbg.doctor import proc
from osdbg.inspection import process as inspection

TITLE = 'The server'

UWSGI_THREADS = Check(
    'uwsgi-threads',
    PROBLEM,
    'uWSGI runs no threads of Python in it',
    'osdbg waits in a thread, and a debugger is made of them: before uWSGI '
    '2.0.27 none ever runs without enable-threads, or threads.',
    'add to its configuration: enable-threads = true',
)
HARAKIRI = Check(
    'harakiri',
    NOTE,
    'uWSGI kills it {seconds} s after a request has begun (harakiri)',
    'Also one that stands at a breakpoint.',
    'take harakiri out of its configuration while you debug',
)
GUNICORN_TIMEOUT = Check(
    'gunicorn-timeout',
    NOTE,
    'gunicorn kills it after {seconds} s without a sign (timeout)',
    'A worker that stands at a breakpoint gives none.',
    'start gunicorn with --timeout 0 while you debug',
)
MOD_WSGI = Check(
    'mod-wsgi',
    NOTE,
    'Apache runs it (mod_wsgi)',
    'It has the environment of Apache, and not of your shell; only the main '
    'interpreter is debugged; and up to Python 3.11 each request is a new '
    'thread to a debugger, which only the application can have traced.',
    'osdbg env --shell --port 5678 >> /etc/apache2/envvars; '
    'WSGIApplicationGroup %{{GLOBAL}}; from osdbg.integrations import wsgi; '
    'application = wsgi.wrap(application)',
)

_THREADS_SINCE = (2, 0, 27)
_FALSE = ('false', '0', 'off', 'no')


def examine(case: Case) -> Iterator[Finding]:
    """Look at the server of each process."""
    for patient in case.patients:
        if patient.process is None:
            yield from _unarmed(patient)
        elif patient.answers:
            yield from _armed(patient)


def _armed(patient: Patient) -> Iterator[Finding]:
    server, who = patient.told['server'], patient.title
    options = server.get('options', {})
    if 'harakiri' in options:
        yield HARAKIRI.found(who, seconds=options['harakiri'])
    if server.get('name') == 'gunicorn' and 'timeout' in options:
        yield GUNICORN_TIMEOUT.found(who, seconds=options['timeout'])
    if server.get('name') == 'mod_wsgi':
        yield MOD_WSGI.found(who)


def _unarmed(patient: Patient) -> Iterator[Finding]:
    program, who = proc.program(patient.pid), patient.title
    if program in ('apache2', 'httpd'):
        yield MOD_WSGI.found(who)
    elif program.startswith('uwsgi') and _lacks_threads(patient.pid):
        yield UWSGI_THREADS.found(who)


def _lacks_threads(pid: int) -> bool:
    """Tell whether this uWSGI runs none, as far as one can see."""
    options = _uwsgi_options(pid)
    if 'threads' in options:
        return False
    said = options.get('enable-threads', 'false')
    return said.lower() in _FALSE and not _is_new(pid)


def _is_new(pid: int) -> bool:
    """Tell whether it is a uWSGI that runs them without being told."""
    path = [proc.inside(pid, each) for each in proc.import_path(pid)]
    found = inspection.installed(path).get('uWSGI', [['0', '']])
    numbers = re.findall(r'\d+', found[0][0])
    return tuple(map(int, numbers)) >= _THREADS_SINCE


def _uwsgi_options(pid: int) -> dict[str, str]:
    line, found = proc.words(pid), {}
    for word, following in zip(line, [*line[1:], '']):
        if word.endswith('.ini'):
            found.update(_ini(pid, word.rpartition('=')[2]))
        elif word.startswith('--'):
            name, equals, value = word[2:].partition('=')
            value = value if equals else following
            found[name] = 'true' if value.startswith('-') else value
    return found


def _ini(pid: int, path: str) -> dict[str, str]:
    text = proc.text(pid, path)
    return dict(re.findall(r'(?m)^\s*([\w-]+)\s*=\s*(.*?)\s*$', text))
