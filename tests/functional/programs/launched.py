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

"""A service for each of the launchers there are, that knows nothing of osdbg.

But for the two lines a service may have: ``integrations.enable()``, and the
mixin. Whatever is here can be pickled, for the start method "spawn".
"""

import argparse
import inspect
import os
import sys
import threading

LAUNCHERS = (
    'launch',
    'ServiceLauncher',
    'ProcessLauncher',
    'no_fork',
    'spawn',
    'cotyledon',
)


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument('launcher', choices=LAUNCHERS)
    parser.add_argument('config')
    parser.add_argument('engine', choices=('eventlet', 'threading'))
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--mixin', action='store_true')
    parser.add_argument('--mutate', action='store_true')
    parser.add_argument('--undo', action='store_true')
    return parser.parse_args()


def patch(engine):
    if engine == 'eventlet':
        import eventlet

        eventlet.monkey_patch()
    else:
        from oslo_service import backend

        backend.init_backend(backend.BackendType.THREADING)


def serve():
    """Serve a port of our own, in native threads or green ones."""
    import api_engines  # type: ignore

    own = api_engines.listening_socket('127.0.0.1', 0)
    server = api_engines.ThreadedServer(own)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.daemon = True
    thread.start()
    api_engines.announce(own)
    return server


if __name__ == '__main__' or 'multiprocessing.spawn' in sys.modules:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    ARGS = parse_args()
    if not ARGS.mixin:
        from osdbg import integrations

        if __name__ == '__main__':
            integrations.enable()
        if ARGS.undo:
            integrations.disable()
    patch(ARGS.engine)

    from oslo_config import cfg
    from oslo_service import service

    BASES = [service.Service]
    if ARGS.mixin:
        import osdbg

        BASES.append(osdbg.RemoteDebugMixin)

    class Api(*BASES):  # type: ignore
        def start(self):
            self.stopped = threading.Event()
            self.server = serve()

        def reset(self):
            os.write(1, b'RESET\n')

        def stop(self, graceful=False):
            if hasattr(self, 'server'):
                self.server.shutdown()
                self.server.server_close()
                self.stopped.set()
            super().stop(graceful)

        def wait(self):
            if hasattr(self, 'stopped'):
                self.stopped.wait()

    if ARGS.launcher == 'cotyledon':
        import cotyledon
        from cotyledon import oslo_config_glue

        class Plain(cotyledon.Service):
            def run(self):
                self.server = serve()

            def terminate(self):
                self.server.shutdown()


def run_cotyledon(conf, workers):
    manager = cotyledon.ServiceManager()
    manager.add(Plain, workers)
    oslo_config_glue.setup(manager, conf)
    return manager.run()


def spawning_launcher(conf):
    """Older versions spawn by themselves, if they can, or cannot at all."""
    if 'start_method' in inspect.signature(service.ProcessLauncher).parameters:
        return service.ProcessLauncher(conf, start_method='spawn')
    return service.ProcessLauncher(conf)


def main():
    conf = cfg.CONF
    conf([], project='launched', default_config_files=[ARGS.config])
    if ARGS.launcher == 'cotyledon':
        return run_cotyledon(conf, ARGS.workers)
    method = {'restart_method': 'mutate' if ARGS.mutate else 'reload'}
    if ARGS.launcher == 'launch':
        launcher = service.launch(conf, Api(), ARGS.workers, **method)
    else:
        if ARGS.launcher == 'ServiceLauncher':
            launcher = service.ServiceLauncher(conf)
        elif ARGS.launcher == 'no_fork':
            launcher = service.ProcessLauncher(conf, no_fork=True)
        elif ARGS.launcher == 'spawn':
            launcher = spawning_launcher(conf)
        else:
            launcher = service.ProcessLauncher(conf)
        launcher.launch_service(Api(), workers=ARGS.workers)
    return launcher.wait()


if __name__ == '__main__':
    sys.exit(main())
