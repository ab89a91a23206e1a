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

"""A package that brings backends, installed as pip does it."""

import contextlib
import os
import pathlib
import tempfile


@contextlib.contextmanager
def installed(source, **backends):
    """Install a module, and yield the PYTHONPATH it is found by.

    :param source: its text
    :param backends: names of backends to names in the module
    """
    with tempfile.TemporaryDirectory() as directory:
        home = pathlib.Path(directory)
        (home / 'third_party.py').write_text(source)
        info = home / 'third_party-1.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text('Name: third_party\nVersion: 1\n')
        lines = [f'{n} = third_party:{a}' for n, a in backends.items()]
        (info / 'entry_points.txt').write_text(
            '\n'.join(['[osdbg.backends]', *lines, ''])
        )
        path = [directory, os.environ.get('PYTHONPATH', '')]
        yield os.pathsep.join(filter(None, path))
