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

"""What ``osdbg ide`` writes, by the schemas that its clients publish.

They are the work of others, and no copy is here: ``tox -e schemas`` has them
from where they are published, ``tox -e schemas -- DIRECTORY`` from files.
Other clients publish none; what they send is judged by that of VS Code.
"""

import dataclasses
import json
import pathlib
import sys
import urllib.request

import jsonschema

from osdbg.ide import clients
from osdbg.ide import mappings
from osdbg.ide import targets

RAW = 'https://raw.githubusercontent.com'
ZED = f'{RAW}/zed-industries/zed/main'
VIMSPECTOR = 'https://puremourning.github.io/vimspector/schema'
PUBLISHED = {
    'package.json': f'{RAW}/microsoft/vscode-python-debugger/main',
    'Debugpy.json': f'{ZED}/crates/dap_adapters/schemas',
    'vimspector.schema.json': VIMSPECTOR,
    'debugpy.schema.json': VIMSPECTOR,
}
DAP = {'backend': 'debugpy', 'protocol': 'dap', 'dials': False}
SERVICE = {**DAP, 'name': 'api', 'host': '127.0.0.1', 'port': 5678}
KINDS = {
    'open': {},
    'on demand': {'opened': False},
    'a UNIX socket': {'host': 'unix:/run/nova/debug', 'port': 0},
    'a bridge': {'host': 'unix:@debug', 'port': 0},
    'TLS': {'host': '0.0.0.0', 'tls': True},
    'the IDE listens': {'dials': True},
}
MAPPED = (
    mappings.Mapping('nova', '/home/me/nova/nova/', '/opt/stack/nova/nova/'),
    mappings.Mapping('six', '/other/"six".py', '/usr/lib/python3/six.py'),
)


def read(name, directory):
    """Return a schema, from a directory if one is given."""
    if directory:
        return json.loads(pathlib.Path(directory, name).read_text())
    url = f'{PUBLISHED[name]}/{name}'
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def judge(found, schema, names, *more):
    """Hold an object against its schema, where a misspelt name is valid.

    :param names: the attributes there are
    :param more: those that the client has for itself
    """
    jsonschema.validate(found, schema)
    if strange := found.keys() - names - set(more):
        raise jsonschema.ValidationError(f'{strange} is in no schema')


def judge_all(client, target, schemas):
    """Hold all that a client is written against what it publishes."""
    package, zed, vimspector, debugpy = schemas
    (debugger,) = package['contributes']['debuggers']
    attach = debugger['configurationAttributes']['attach']
    names = attach['properties'].keys()
    judge(client.attach_arguments(target), attach, names)
    if client.name not in ('vscode', 'zed', 'vimspector'):
        return
    second = target.renamed('osdbg: second')
    found = json.loads(client.edit('', [target, second]))
    if client.name == 'vscode':
        for each in found['configurations']:
            judge(each, attach, names, 'name', 'type', 'request')
    elif client.name == 'zed':
        names = zed['allOf'][1]['then']['properties'].keys()
        for each in found:
            judge(each, zed, names, 'label', 'adapter', 'request')
    else:
        jsonschema.validate(found, vimspector)
        names = debugpy['oneOf'][1]['properties'].keys()
        for each in found['configurations'].values():
            judge(each['configuration'], debugpy, names, 'type')


def main(directory=None):
    """Print what is valid; raise a ValidationError for what is not."""
    schemas = [read(name, directory) for name in PUBLISHED]
    for name, kind in clients.CLIENTS.items():
        client = kind('/home/me/nova')
        for title, facts in KINDS.items():
            process = {**SERVICE, **facts}
            if targets.refusal(client, process):
                continue
            target = targets.of(process)
            for mapped in ((), MAPPED):
                target = dataclasses.replace(target, mappings=mapped)
                judge_all(client, target, schemas)
            print(f'{name}: {title}: valid')


if __name__ == '__main__':
    main(*sys.argv[1:])
