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

"""An application without a paste file, wrapped where it is made."""

import sys

import eventlet
from eventlet import wsgi
import hello

CONF = hello.CONF
CONF(sys.argv[1:], project='hello')
application = hello.greet

# [wrap]
from osdbg.integrations.wsgi import wrap

application = wrap(application, CONF, break_on_path='^/ada')
# [end]

wsgi.server(eventlet.listen(('127.0.0.1', CONF.bind_port)), application)
