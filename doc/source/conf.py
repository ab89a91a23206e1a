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

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / '_exts'))

extensions = [
    'architecture_picture',
    'backend_table',
    'client_table',
    'command_reference',
    'doctor_checks',
    'figures',
    'openstackdocstheme',
    'oslo_config.sphinxext',
    'sphinx.ext.autodoc',
]

project = 'osdbg'
copyright = '2026, osdbg contributors'

html_theme = 'openstackdocs'
pygments_style = 'native'
# There is no page of ours on docs.openstack.org to be read from git.
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_repo_name = ''
openstackdocs_use_storyboard = False

# What our own pages and docstrings name must be there. Where the classes of
# others are described, only the internet knows; and annotations name ours as
# the module does that they are in.
nitpicky = True
nitpick_ignore_regex = [
    ('py:.*', r'(collections|oslo_config|re|types)\..*'),
    ('py:class', r'(settings\.|option_table\.)?Settings?|Status'),
]
