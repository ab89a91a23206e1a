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

"""Make RPC calls to ``rpc_service.py`` on behalf of a test, asked over HTTP.

``rpc_caller.py --config-file FILE``, in nova's virtual environment.
``/work?word=WORD`` makes one call and gives its answer.
"""

import http.server
import json
import sys
import urllib.parse

from oslo_config import cfg
import oslo_messaging
from rpc_service import TOPIC  # type: ignore


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        word = dict(urllib.parse.parse_qsl(url.query))
        try:
            status, body = 200, self.server.rpc.call({}, 'work', **word)
        except Exception as error:
            status, body = 500, {'error': f'{type(error).__name__}: {error}'}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


def main():
    cfg.CONF(sys.argv[1:])
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.rpc = oslo_messaging.get_rpc_client(
        oslo_messaging.get_rpc_transport(cfg.CONF),
        oslo_messaging.Target(topic=TOPIC),
    )
    print(f'LISTENING port={server.server_port}', flush=True)
    server.serve_forever()


if __name__ == '__main__':
    main()
