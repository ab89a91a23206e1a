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

"""Let a test make calls, by HTTP."""

import http.server
import json
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        try:
            status, body = 200, self.server.call(url.path, **query)
        except Exception as error:
            status, body = 500, {'error': f'{type(error).__name__}: {error}'}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


def serve(call):
    """Serve until the process is killed.

    :param call: takes a path and what is asked, and returns the answer
    """
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.call = call
    print(f'LISTENING port={server.server_port}', flush=True)
    server.serve_forever()
