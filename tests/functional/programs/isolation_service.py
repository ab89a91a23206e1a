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
"""One green process that starts osdbg in the way it is told to.

``/changes`` answers with what is not as it was before osdbg was started.
"""

import argparse
import importlib
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

PATCHES = {
    'full': {},
    'thread_false': {'thread': False},
    'os_thread_false': {'os': False, 'thread': False},
    'nothing': None,
}
# Before eventlet is imported, before it patches, or after.
WHENS = ('import', 'before', 'after')
FRESH = ('ftplib', 'gzip', 'smtplib')


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument('--patch', choices=PATCHES, default='full')
    parser.add_argument('--when', choices=WHENS, default='after')
    parser.add_argument(
        '--start', choices=('main', 'green', 'native'), default='main'
    )
    return parser.parse_args()


def looks():
    """Describe what a debugger must leave as it is."""
    return {
        'modules': {
            name: id(module)
            for name, module in sys.modules.items()
            if name.partition('.')[0] in sys.stdlib_module_names
        }
        if hasattr(sys, 'stdlib_module_names')
        else {},
        'breakpointhook': repr(sys.breakpointhook),
        'excepthook': repr(sys.excepthook),
        'displayhook': repr(sys.displayhook),
        'stdout': repr(sys.stdout),
        'path': list(sys.path),
        'meta_path': list(map(repr, sys.meta_path)),
        'path_hooks': list(map(repr, sys.path_hooks)),
        'environ': dict(os.environ),
        'threads': sorted(thread.name for thread in threading.enumerate()),
        'trace': repr(sys.gettrace()),
    }


def changes(before):
    import osdbg
    from osdbg.integrations import on_import

    now = looks()
    # The one init() takes, and keeps; the other waits for oslo.messaging.
    before = dict(
        before,
        breakpointhook=repr(osdbg.breakpoint),
        meta_path=[repr(on_import._finder), *before['meta_path']],
    )
    found = {
        name: (before[name], now[name])
        for name in before
        if name != 'modules' and before[name] != now[name]
    }
    modules = before['modules']
    found.update(
        (f'module {name}', 'replaced')
        for name, number in modules.items()
        if now['modules'].get(name) != number
    )
    return found


def arm():
    import osdbg

    status = osdbg.init()
    armed = True  # BREAK armed
    print(f'ARMED {armed} {status!r}', flush=True)


def start(how):
    if how == 'main':
        arm()
    elif how == 'green':
        import eventlet

        eventlet.spawn(arm).wait()
    else:
        patcher = sys.modules['eventlet.patcher']
        thread = patcher.original('_thread')
        done = thread.allocate_lock()
        done.acquire()

        def run():
            try:
                arm()
            finally:
                done.release()

        thread.start_new_thread(run, ())
        done.acquire()


def serve(before):
    import eventlet
    from eventlet import wsgi

    import api_app  # type: ignore

    def load(query):
        """Import modules for the first time, while a debugger is there."""
        found = {}
        for name in FRESH:
            module = importlib.import_module(name)
            for used in ('os', 'socket', 'time'):
                if hasattr(module, used):
                    same = getattr(module, used) is sys.modules[used]
                    found[f'{name}.{used}'] = same
        return found

    api_app.ROUTES['/changes'] = lambda query: changes(before)
    api_app.ROUTES['/fresh'] = load
    listener = eventlet.listen(('127.0.0.1', 0))
    port = listener.getsockname()[1]
    print(f'READY pid={os.getpid()} port={port}', flush=True)
    wsgi.server(listener, api_app.application, log_output=False)


def main():
    args = parse_args()
    if args.when == 'import':
        before = looks()
        start(args.start)
    import eventlet

    if args.when == 'before':
        before = looks()
        start(args.start)
    if PATCHES[args.patch] is not None:
        eventlet.monkey_patch(**PATCHES[args.patch])
    if args.when == 'after':
        before = looks()
        start(args.start)
    serve(before)


if __name__ == '__main__':
    main()
