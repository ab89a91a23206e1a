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

"""What clients are told in the tests, and what their schemas allow."""

from osdbg.ide import base
from osdbg.ide import mappings

HERE = '/home/me/src'
SITE = '/var/lib/kolla/venv/lib/python3.12/site-packages'
MAPPINGS = (
    mappings.Mapping('nova', f'{HERE}/nova/nova/', f'{SITE}/nova/'),
    mappings.Mapping('six', '/other/"six".py', f'{SITE}/six.py'),
)
API = base.Target('osdbg: nova-api', '127.0.0.1', 5678, mappings=MAPPINGS)
COMPUTE = base.Target('osdbg: nova-compute', '::1', 5679)
CALLED = base.Target('osdbg: called', '10.0.0.1', 5678, listens=True)

# What debugpy's "attach" takes, and of which type: the attributes in
# package.json of github.com/microsoft/vscode-python-debugger, 2026.7, and in
# crates/dap_adapters/schemas/Debugpy.json of github.com/zed-industries/zed,
# which is made of it.
ATTACH = {
    'autoReload': dict,
    'clientOS': str,
    'connect': dict,
    'consoleName': str,
    'debugAdapterPath': str,
    'django': bool,
    'jinja': bool,
    'justMyCode': bool,
    'listen': dict,
    'logToFile': bool,
    'pathMappings': list,
    'processId': int,
    'redirectOutput': bool,
    'showReturnValue': bool,
    'subProcess': bool,
}
ADDRESS = {'host': str, 'port': int}
MAPPING = {'localRoot': str, 'remoteRoot': str}


def check_types(case, found, allowed, required=()):
    """Check an object by the names and the types that a schema allows."""
    for name, value in found.items():
        case.assertIn(name, allowed)
        case.assertIs(allowed[name], type(value), name)
    case.assertLessEqual(set(required), set(found))


def check_attach(case, found, **more):
    """Check what a client will send to debugpy, and what it wants itself."""
    check_types(case, found, {**ATTACH, **more}, more)
    case.assertIs(False, found['justMyCode'])
    case.assertIs(True, found['subProcess'])
    for way in {'connect', 'listen'} & set(found):
        check_types(case, found[way], ADDRESS, ['port'])
    for mapping in found.get('pathMappings', ()):
        check_types(case, mapping, MAPPING, MAPPING)
