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

"""A service that loads its application from a paste file, and then forks.

It prints what :mod:`api_service` prints.
"""

import argparse
import os
import sys

SERVERS = ('threads', 'raw_threads', 'eventlet')


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument('--server', choices=SERVERS, default='threads')
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--config-file', required=True)
    parser.add_argument('--paste-file', required=True)
    return parser.parse_args()


def load_conf(args):
    from oslo_config import cfg

    cfg.CONF([], project='api', default_config_files=[args.config_file])
    return cfg.CONF


def load_app(args):
    from paste import deploy  # type: ignore

    return deploy.loadapp(f'config:{args.paste_file}')


def serve_green(args, conf):
    """Do as cinder-api does: load, listen, fork."""
    import api_engines  # type: ignore
    from oslo_service import service
    from oslo_service import wsgi

    app = load_app(args)
    host = '127.0.0.1'

    class WSGIService(service.ServiceBase):
        def __init__(self):
            self.servers = [wsgi.Server(conf, 'api', app, host=host)]

        def start(self):
            self.servers.append(wsgi.Server(conf, 'own', app, host=host))
            for server in self.servers:
                server.start()
            api_engines.announce(self.servers[-1].socket)

        def stop(self):
            for server in self.servers:
                server.stop()

        def wait(self):
            for server in self.servers:
                server.wait()

        def reset(self):
            pass

    launcher = service.ProcessLauncher(conf)
    launcher.launch_service(WSGIService(), workers=args.workers)
    launcher.wait()


def serve_threads(args):
    """Serve in this process, each request in a thread of its own."""
    import _thread
    import threading

    import api_engines

    class RawServer(api_engines.ThreadedServer):
        def process_request(self, request, client_address):
            # As a server does that is written in C.
            _thread.start_new_thread(
                self.process_request_thread, (request, client_address)
            )

    if args.server == 'raw_threads':
        api_engines.ThreadedServer = RawServer
    api_engines.application = load_app(args)
    shared = api_engines.listening_socket('127.0.0.1', 0)
    api_engines.ThreadedServers(shared, '127.0.0.1').start()
    threading.Event().wait()


def main():
    args = parse_args()
    if args.server == 'eventlet':
        import eventlet

        eventlet.monkey_patch()
    import logging

    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format='%(process)d %(levelname)s %(name)s %(message)s',
    )
    conf = load_conf(args)
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    if args.server == 'eventlet':
        serve_green(args, conf)
    else:
        serve_threads(args)


if __name__ == '__main__':
    main()
