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

"""The service of :mod:`paste_service`, for servers that bring their own."""

import logging
import os
import sys

from oslo_config import cfg
from paste import deploy  # type: ignore

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
cfg.CONF([], project='api', default_config_files=[os.environ['CONFIG_FILE']])
application = deploy.loadapp(f'config:{os.environ["PASTE_FILE"]}')
