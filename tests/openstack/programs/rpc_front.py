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

"""A WSGI service whose requests nova-conductor is asked for.

``rpc_front.py PASTE_FILE --config-file FILE``, in nova's virtual environment,
not patched by eventlet. What it says of itself is in what calls bring back:
``/version`` makes one that succeeds, the others make some that fail.
"""

import json
import socketserver
import sys
import wsgiref.simple_server

from nova.conductor import rpcapi
from nova import config
from nova import context
from nova import objects
from paste import deploy  # type: ignore


def ask(ctxt, objname, method, *args):
    return rpcapi.ConductorAPI().object_class_action_versions(
        ctxt, objname, method, {objname: objects.Service.VERSION}, args, {}
    )


def version(ctxt):
    return ask(ctxt, 'Service', 'get_minimum_version', 'nova-conductor')


def unknown_class(ctxt):
    """Ask for what the endpoint fails at."""
    return ask(ctxt, 'NoSuchThing', 'get_minimum_version')


def not_found(ctxt):
    """Ask for what the endpoint says that it expects."""
    return ask(ctxt, 'Service', 'get_by_id', 4711)


def no_such_method(ctxt):
    """Ask for what no endpoint has."""
    client = rpcapi.ConductorAPI().client
    return client.prepare(version='3.0').call(ctxt, 'no_such_method')


CALLS = {
    '/version': version,
    '/unknown_class': unknown_class,
    '/not_found': not_found,
    '/no_such_method': no_such_method,
}


def application(environ, start_response):
    ctxt = context.RequestContext.from_environ(environ, is_admin=True)
    call = CALLS[environ['PATH_INFO']]  # BREAK front
    status, answer = '200 OK', {'id': environ['openstack.request_id']}
    try:
        answer['answer'] = call(ctxt)
    except Exception as error:
        status = '500 Internal Server Error'
        answer['error'] = type(error).__name__
    start_response(status, [('Content-Type', 'application/json')])
    return [json.dumps(answer).encode()]


def app_factory(global_conf, token=None):
    if token:
        # As the filter itself does, if it is told to.
        from osdbg import chosen

        chosen.by_token('X-OSDBG', token)
    return application


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


def main(paste_file):
    config.parse_args(sys.argv[1:])
    objects.register_all()
    app = deploy.loadapp(f'config:{paste_file}')
    server = wsgiref.simple_server.make_server('127.0.0.1', 0, app, Server)
    print(f'LISTENING port={server.server_port}', flush=True)
    server.serve_forever()


if __name__ == '__main__':
    # The factory's module is to be this one.
    sys.modules['rpc_front'] = sys.modules['__main__']
    main(sys.argv[1])
