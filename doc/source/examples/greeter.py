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

"""A service of oslo.service: two workers that greet whoever asks."""

import eventlet

eventlet.monkey_patch()

import os
import sys

from eventlet import wsgi
from oslo_config import cfg
from oslo_service import service


def greet(name):
    greeting = f'Hello, {name}!'
    return f'{greeting} This is process {os.getpid()}.\n'


def application(environ, start_response):
    body = greet(environ['PATH_INFO'].strip('/') or 'nobody').encode()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]


class Greeter(service.Service):
    def __init__(self, listener):
        super().__init__()
        self.listener = listener

    def start(self):
        super().start()
        self.tg.add_thread(wsgi.server, self.listener, application)


def main():
    port = int(sys.argv[1]) if sys.argv[1:] else 8080
    cfg.CONF([], project='greeter')
    listener = eventlet.listen(('127.0.0.1', port))
    service.launch(cfg.CONF, Greeter(listener), workers=2).wait()


if __name__ == '__main__':
    main()
