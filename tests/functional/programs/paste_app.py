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

"""The application of :mod:`paste_service`, as a paste file names it.

Lines that tests stop at end in ``# BREAK <name>``.
"""

import json

import api_app  # type: ignore

made: list[object] = []


class Application:
    """What :mod:`api_app` serves, and ways to fail that nobody catches."""

    deployed_by = 'paste'

    def __call__(self, environ, start_response):
        path = environ['PATH_INFO']  # BREAK application
        if 'HTTP_X_AUTH_TOKEN' in environ:  # as keystonemiddleware does
            environ['HTTP_X_PROJECT_ID'] = f'of {environ["HTTP_X_AUTH_TOKEN"]}'
        if path == '/escape':
            escape('asked to')
        if path == '/library':
            json.loads(path)  # BREAK library
        if path == '/stream':
            start_response('200 OK', [('Content-Type', 'text/plain')])
            return Stream(environ.get('QUERY_STRING'))
        return api_app.application(environ, start_response)


class Stream:
    """An answer in three parts; the last may fail."""

    def __init__(self, query):
        self.parts = self.produce(query)

    def __iter__(self):
        return self.parts

    def produce(self, query):
        yield b'first '
        yield b'second '
        if query == 'fail':
            raise LookupError(query)  # BREAK stream
        yield b'third'

    def close(self):
        print('CLOSED', flush=True)


def escape(reason):
    witness = reason.upper()
    raise LookupError(witness)  # BREAK escape


def app_factory(global_conf, **local_conf):
    made.append(Application())
    return made[-1]


def urlmap(loader, global_conf, **local_conf):
    """Serve several pipelines, as nova does with a factory of its own."""
    apps = {
        prefix.rstrip('/'): loader.get_app(name, global_conf=global_conf)
        for prefix, name in sorted(local_conf.items(), reverse=True)
    }
    unwrapped = [app for app in apps.values() if app in made]
    print(f'PIPELINES {len(apps)} unwrapped {len(unwrapped)}', flush=True)

    def dispatch(environ, start_response):
        path = environ['PATH_INFO']
        prefix = next(p for p in apps if path.startswith(p))
        environ['SCRIPT_NAME'] += prefix
        environ['PATH_INFO'] = path[len(prefix) :]
        return apps[prefix](environ, start_response)

    return dispatch
