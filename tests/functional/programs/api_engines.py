#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.
"""The ways :mod:`api_service` runs its workers."""

import os
import signal
import socket
import socketserver
import sys
import threading
import wsgiref.simple_server

from api_app import application  # type: ignore


def listening_socket(host, port):
    listener = socket.create_server((host, port), backlog=128)
    listener.setblocking(True)
    return listener


def announce(own):
    line = f'READY pid={os.getpid()} port={own.getsockname()[1]}\n'
    os.write(sys.stdout.fileno(), line.encode())


class QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


class ThreadedServer(
    socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer
):
    """A threaded WSGI server on a socket that is already listening."""

    daemon_threads = True

    def __init__(self, listener):
        super().__init__(
            listener.getsockname(), QuietHandler, bind_and_activate=False
        )
        self.socket.close()
        self.socket = listener
        listener.settimeout(5)
        self.server_name, self.server_port = listener.getsockname()
        self.setup_environ()
        self.set_app(application)

    def handle_error(self, request, client_address):
        print('handler:', repr(sys.exc_info()[1]), file=sys.stderr)


class ThreadedServers:
    """One worker's servers: the shared port and its own."""

    def __init__(self, shared, host):
        self._own = listening_socket(host, 0)
        self._servers = [ThreadedServer(shared), ThreadedServer(self._own)]
        self._threads = [
            threading.Thread(
                target=server.serve_forever,
                args=(0.05,),
                name=f'http-{number}',
                daemon=True,
            )
            for number, server in enumerate(self._servers)
        ]

    def start(self):
        for thread in self._threads:
            thread.start()
        announce(self._own)

    def stop(self):
        for server in self._servers:
            server.shutdown()


class Prefork:
    """Native threads in forked workers, kept alive by a launcher."""

    def __init__(self, shared, args, init_worker):
        self._shared = shared
        self._args = args
        self._init_worker = init_worker
        self._workers = set()
        self._stopping = False

    def run(self):
        signal.signal(signal.SIGTERM, self._terminate)
        for _ in range(self._args.workers):
            self._start_worker()
        while self._workers:
            pid, status = os.waitpid(-1, 0)
            print(f'worker {pid} ended with status {status}', flush=True)
            if pid in self._workers:
                self._workers.remove(pid)
                if not self._stopping:
                    self._start_worker()
        return 0

    def _terminate(self, signum, frame):
        self._stopping = True
        for pid in self._workers:
            os.kill(pid, signal.SIGTERM)

    def _start_worker(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        launcher = os.getpid()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = self._work(launcher)
            finally:
                os._exit(status)
        self._workers.add(pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def _work(self, launcher):
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda signum, frame: stopped.set())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        self._init_worker()
        servers = ThreadedServers(self._shared, self._args.host)
        servers.start()
        while not stopped.wait(0.2) and os.getppid() == launcher:
            pass
        servers.stop()
        return 0


def make_service(shared, args, init_worker):
    from oslo_service import service

    bases = [service.Service]
    if args.init.startswith('mixin'):
        import osdbg

        place = 0 if args.init == 'mixin_first' else 1
        bases.insert(place, osdbg.RemoteDebugMixin)

    class GreenService(*bases):
        def start(self):
            from eventlet import wsgi  # BREAK start eventlet

            init_worker()
            own = listening_socket(args.host, 0)
            for listener in (shared, own):
                self.tg.add_thread(
                    wsgi.server, listener, application, log_output=False
                )
            announce(own)

    class ThreadedService(*bases):
        def start(self):
            self.stopped = threading.Event()  # BREAK start threading
            init_worker()
            self.servers = ThreadedServers(shared, args.host)
            self.servers.start()

        def wait(self):
            self.stopped.wait()

        def stop(self, graceful=False):
            if hasattr(self, 'servers'):
                self.servers.stop()
                self.stopped.set()

    return ThreadedService() if args.engine == 'threading' else GreenService()


def run(args, conf, init_worker):
    shared = listening_socket(args.host, args.http_port)
    print(f'LISTENING port={shared.getsockname()[1]}', flush=True)
    if args.engine == 'none':
        return Prefork(shared, args, init_worker).run()
    from oslo_service import service

    launcher = service.ProcessLauncher(
        conf, restart_method=args.restart_method
    )
    launcher.launch_service(
        make_service(shared, args, init_worker), workers=args.workers
    )
    return launcher.wait()
