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
Any Python may come by here, also one that is too old for annotations.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def _leave():
    """Take our directory out of the path, here and for what is started."""
    sys.path[:] = _others(sys.path)
    if 'OSDBG_FOLLOW_EXEC' in os.environ:
        return
    path = _others(os.environ.get('PYTHONPATH', '').split(os.pathsep))
    if any(path):
        os.environ['PYTHONPATH'] = os.pathsep.join(path)
    else:
        os.environ.pop('PYTHONPATH', None)


def _others(path):
    return [entry for entry in path if not _is_ours(entry)]


def _is_ours(entry):
    try:
        return os.path.abspath(entry) == HERE
    except OSError:
        return entry == HERE  # the working directory is gone


def _start():
    """Start osdbg; whatever goes wrong, the program runs on.

    :returns: what to call last, or None
    """
    try:
        if sys.version_info < (3, 9) or _is_for_another():
            return None
        take = os.environ.pop
        if 'OSDBG_FOLLOW_EXEC' in os.environ:
            take = os.environ.get
        inject = take('OSDBG_INJECT', None)
        if inject:
            _serve_from(inject.split(os.pathsep))
        from osdbg.integrations import runner

        return runner.begin(inject)
    except Exception as exc:
        python = os.path.join(sys.prefix, 'bin', 'python')
        sys.stderr.write(
            'osdbg is off: {!r}; to mend it: {} -m pip install osdbg\n'.format(  # noqa: UP032
                exc, python
            )
        )
    return None


def _is_for_another():
    """Tell whether we were left here for a uWSGI that executes itself anew.

    This is what it starts otherwise, and shall find nothing of us.
    """
    only = os.environ.pop('OSDBG_ONLY', None)
    if only in (None, str(os.getpid())):
        return False
    for name in tuple(os.environ):
        if name.startswith(('OS_REMOTE_DEBUG__', 'OSDBG_')):
            if name != 'OSDBG_DISABLE':
                del os.environ[name]
    return True


def _serve_from(path):
    """Bring osdbg along from an environment that is not the program's.

    Only what osdbg itself is made of, and only what the program lacks:
    nothing else of that environment becomes importable.
    """
    from importlib.machinery import PathFinder

    class Injected:
        def find_spec(self, name, package, target=None):
            if name in ('osdbg', 'debugpy'):
                return PathFinder.find_spec(name, path)
            return None

    sys.meta_path.append(Injected())


def _chain():
    """Become the module that would have been imported without us."""
    del sys.modules['sitecustomize']
    # Finds none: raises what it does where there is none, and what the
    # interpreter passes over.
    __import__('sitecustomize')


_leave()
_last = _start()
try:
    _chain()
finally:
    if _last is not None:
        _last()
