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

"""Run configurations of JetBrains' IDEs: one file for each in ``.run``.

The format: what PyCharm writes itself for *Store as project file*
(jetbrains.com/help/pycharm/run-debug-configuration.html#share-configurations).
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from osdbg.ide import base

_SUFFIX = '.run.xml'


class RunConfigurations(base.Client):
    """A kind of run configuration."""

    kind: str
    """What the IDE calls it in the file."""

    place = '.run/'
    root = '$PROJECT_DIR$'

    def files(
        self, targets: Sequence[base.Target]
    ) -> Iterator[tuple[str, Sequence[base.Target]]]:
        """Yield a file for each, and one that starts them all."""
        for target in targets:
            yield f'{self.place}{target.slug()}{_SUFFIX}', [target]
        if len(targets) > 1:
            yield f'{self.place}osdbg-all{_SUFFIX}', targets

    def edit(self, text: str, targets: Sequence[base.Target]) -> str:
        """Return a file with the configuration, or with the compound."""
        is_one = len(targets) == 1
        name = targets[0].name if is_one else base.ALL
        top = ElementTree.Element(
            'component', name='ProjectRunConfigurationManager'
        )
        kind = self.kind if is_one else 'CompoundRunConfigurationType'
        node = ElementTree.SubElement(
            top, 'configuration', default='false', name=name, type=kind
        )
        if is_one:
            self.fill(node, targets[0])
        else:
            for target in targets:
                to_run = {'name': target.name, 'type': self.kind}
                ElementTree.SubElement(node, 'toRun', to_run)
        ElementTree.SubElement(node, 'method', v='2')
        ElementTree.indent(top)
        new = ElementTree.tostring(top, encoding='unicode') + '\n'
        first = new.splitlines()[1].strip().partition(' type=')[0]
        if text.strip() and first not in text:
            raise base.Broken(1, 'it is another run configuration')
        return new

    def fill(self, node: Any, target: base.Target) -> None:
        """Add what this kind of configuration consists of."""
        raise NotImplementedError

    def hint(self, targets: Sequence[base.Target]) -> str:
        """Say what to do in the client now."""
        name = targets[0].name if len(targets) == 1 else base.ALL
        return f'choose "{name}" among the run configurations, and debug it'

    def options(self, node: Any, pairs: Iterable[tuple[str, str]]) -> None:
        """Add options."""
        for name, value in pairs:
            ElementTree.SubElement(node, 'option', name=name, value=value)

    def map_paths(self, node: Any, target: base.Target) -> None:
        """Add the path mappings."""
        settings = ElementTree.SubElement(node, 'PathMappingSettings')
        option = ElementTree.SubElement(
            settings, 'option', name='pathMappings'
        )
        listed = ElementTree.SubElement(option, 'list')
        for mapping in target.mappings:
            pair = {
                'local-root': self.bare(mapping.local),
                'remote-root': mapping.remote.rstrip('/'),
            }
            ElementTree.SubElement(listed, 'mapping', pair)

    def bare(self, local: str) -> str:
        """Return a local path without the slash that pydevd wants."""
        return self.spell(local).rstrip('/')
