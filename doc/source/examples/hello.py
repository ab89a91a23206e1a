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

"""A service of oslo.service that greets; nothing in it knows of osdbg."""

# [service]
import eventlet

eventlet.monkey_patch()

import logging
import os
import sys

from eventlet import wsgi
from oslo_config import cfg
from oslo_service import service

logging.basicConfig(level=logging.INFO)
CONF = cfg.CONF
CONF.register_opt(cfg.PortOpt('bind_port', default=8000))


def greet(environ, start_response):
    name = environ['PATH_INFO'].strip('/').title()
    greeting = f'Hello {name}, from process {os.getpid()}\n'  # stop here
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [greeting.encode()]


class Hello(service.Service):
    def __init__(self, listener):
        super().__init__()
        self.listener = listener

    def start(self):
        self.tg.add_thread(wsgi.server, self.listener, greet)


def serve(kind=Hello):
    listener = eventlet.listen(('127.0.0.1', CONF.bind_port))
    service.launch(CONF, kind(listener), workers=2).wait()


if __name__ == '__main__':
    CONF(sys.argv[1:], project='hello')
    serve()
