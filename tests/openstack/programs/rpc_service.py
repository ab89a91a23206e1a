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

"""Answer RPC calls, each of which says what it was told, and by whom.

``rpc_service.py eventlet|threading --config-file FILE``, in nova's virtual
environment.
"""

import logging
import os
import sys
import time

from oslo_config import cfg
import oslo_messaging

import osdbg

TOPIC = 'osdbg-test'


class Endpoint:
    def __init__(self):
        self.met = []

    def work(self, context, word):
        answer = {'word': word, 'pid': os.getpid()}
        return answer  # BREAK work

    def meet(self, context, word):
        """Answer once two calls are served at the same time."""
        self.met.append(word)
        while len(self.met) < 2:
            time.sleep(0.01)
        answer = {'word': word}
        return answer  # BREAK meet

    def fail(self, context, word):
        witness = word.upper()
        raise LookupError(witness)  # BREAK fail

    @oslo_messaging.expected_exceptions(LookupError)
    def fail_expectedly(self, context, word):
        self.fail(context, word)


def main(executor):
    logging.basicConfig(stream=sys.stdout, level=logging.INFO)
    cfg.CONF(sys.argv[2:])
    osdbg.init(cfg.CONF)
    server = oslo_messaging.get_rpc_server(
        oslo_messaging.get_rpc_transport(cfg.CONF),
        oslo_messaging.Target(topic=TOPIC, server='osdbg'),
        [Endpoint()],
        executor=executor,
    )
    server.start()
    print('READY', flush=True)
    server.wait()


if __name__ == '__main__':
    if sys.argv[1] == 'eventlet':
        import eventlet

        eventlet.monkey_patch()
    main(sys.argv[1])
