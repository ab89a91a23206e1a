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
``/work?word=WORD`` makes one call and gives its answer; ``&request_id=ID``
puts that into its context.
"""

import sys

import calls  # type: ignore
from oslo_config import cfg
import oslo_messaging
from rpc_service import TOPIC  # type: ignore


def main():
    cfg.CONF(sys.argv[1:])
    rpc = oslo_messaging.get_rpc_client(
        oslo_messaging.get_rpc_transport(cfg.CONF),
        oslo_messaging.Target(topic=TOPIC),
    )

    def call(path, request_id=None, **word):
        context = {} if request_id is None else {'request_id': request_id}
        return rpc.call(context, path.strip('/'), **word)

    calls.serve(call)


if __name__ == '__main__':
    main()
