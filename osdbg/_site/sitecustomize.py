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


"""Starts osdbg in a program that nobody has edited.

``osdbg run`` and ``osdbg env`` put the directory of this file into PYTHONPATH,
and Python imports a module of this name before it runs the program. When this
is over, nothing of it is left: it takes itself out of PYTHONPATH (of what the
program starts, too) and runs the sitecustomize that it hides, if there is one.

Nothing else may lie in this directory: it would be a module of every program.
"""

import os
import sys


def _leave() -> None:
    """Take our directory out of the path, here and for what is started."""
    here = os.path.dirname(os.path.abspath(__file__))

    def others(path: list[str]) -> list[str]:
        return [entry for entry in path if os.path.abspath(entry) != here]

    sys.path[:] = others(sys.path)
    if 'OSDBG_FOLLOW_EXEC' in os.environ:
        return
    path = others(os.environ.get('PYTHONPATH', '').split(os.pathsep))
    if any(path):
        os.environ['PYTHONPATH'] = os.pathsep.join(path)
    else:
        os.environ.pop('PYTHONPATH', None)


def _start() -> None:
    """Start osdbg; whatever goes wrong, the program runs on."""
    try:
        _leave()
        if _is_for_another():
            return
        inject = os.environ.pop('OSDBG_INJECT', None)
        if inject:
            _serve_from(inject.split(os.pathsep))
        from osdbg.integrations import runner

        runner.begin(inject)
    except Exception as exc:
        command = f"{sys.executable} -m pip install 'osdbg'"
        print(f'osdbg is off: {exc!r}; to mend it: {command}', file=sys.stderr)


def _is_for_another() -> bool:
    """Tell whether we were left here for a uWSGI that executes itself anew.

    This is what it starts otherwise, and shall find nothing of us.
    """
    only = os.environ.pop('OSDBG_ONLY', None)
    if only in (None, str(os.getpid())):
        return False
    for name in tuple(os.environ):
        if name.startswith(('OS_REMOTE_DEBUG__', 'OSDBG_')):
            del os.environ[name]
    return True


def _serve_from(path: list[str]) -> None:
    """Bring osdbg along from an environment that is not the program's.

    Only what osdbg itself is made of, and only what the program lacks:
    nothing else of that environment becomes importable.
    """
    from importlib.machinery import PathFinder

    class Injected:
        def find_spec(
            self, name: str, package: object, target: object = None
        ) -> object:
            if name in ('osdbg', 'debugpy'):
                return PathFinder.find_spec(name, path)
            return None

    sys.meta_path.append(Injected())  # type: ignore[arg-type]


def _chain() -> None:
    """Become the module that would have been imported without us."""
    del sys.modules['sitecustomize']
    # Finds none: raises what it does where there is none, and what the
    # interpreter passes over.
    __import__('sitecustomize')


_start()
_chain()
