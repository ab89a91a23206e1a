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

"""A service that opens its own door, and closes it."""

import sys

import hello
import osdbg

CONF = hello.CONF


def greet(environ, start_response):
    if environ['PATH_INFO'] == '/open':
        osdbg.attach(CONF)
    elif environ['PATH_INFO'] == '/close':
        osdbg.detach()
    return hello.greet(environ, start_response)


if __name__ == '__main__':
    import eventlet
    from eventlet import wsgi

    CONF(sys.argv[1:], project='hello')
    wsgi.server(eventlet.listen(('127.0.0.1', CONF.bind_port)), greet)
