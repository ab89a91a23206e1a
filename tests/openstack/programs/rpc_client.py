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

"""Make RPC calls to nova-conductor on behalf of a test, asked over HTTP.

Runs in nova's own virtual environment, not patched by eventlet.
``/minimum_version?binary=nova-conductor`` makes one call and gives its answer,
``/consumers`` tells how many workers wait for calls.
"""

import http.server
import json
import sys
import urllib.parse

import kombu
from nova.conductor import rpcapi
import nova.conf
from nova import config
from nova import context
from nova import objects


def minimum_version(binary='nova-conductor'):
    """Ask the conductor for the oldest version of ``binary`` it knows."""
    return rpcapi.ConductorAPI().object_class_action_versions(
        context.get_admin_context(),
        'Service',
        'get_minimum_version',
        {'Service': objects.Service.VERSION},
        (binary,),
        {},
    )


def consumers():
    """Count those who wait for calls to any conductor."""
    url = nova.conf.CONF.transport_url.replace('rabbit://', 'amqp://')
    with kombu.Connection(url, connect_timeout=5) as connection:
        queue = connection.default_channel.queue_declare(
            rpcapi.RPC_TOPIC, passive=True
        )
    return queue.consumer_count


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        call = {'/minimum_version': minimum_version, '/consumers': consumers}
        try:
            answer = call[url.path](**dict(urllib.parse.parse_qsl(url.query)))
            status, body = 200, {'answer': answer}
        except Exception as error:
            status, body = 500, {'error': f'{type(error).__name__}: {error}'}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


def main():
    config.parse_args(sys.argv)
    objects.register_all()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    print(f'LISTENING port={server.server_port}', flush=True)
    server.serve_forever()


if __name__ == '__main__':
    main()
