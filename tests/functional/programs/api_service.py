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
"""A small API service, run as services are: launcher, workers, WSGI.

Every worker serves the port all of them share and one of its own, and
prints ``READY pid=<pid> port=<its own port>`` when it does.
"""

import argparse
import os
import sys

ENGINES = ('eventlet', 'thread_false', 'os_thread_false', 'none', 'threading')
GREEN = {
    'eventlet': {},
    'thread_false': {'thread': False},
    'os_thread_false': {'os': False, 'thread': False},
}
INITS = (
    'before_patch',
    'after_patch',
    'in_worker',
    'twice',
    'threads',
    'never',
    'listen',
    'enable',
    'enable_late',
    'mixin_first',
    'mixin_last',
)


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument('--engine', choices=ENGINES, default='none')
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--init', choices=INITS, default='after_patch')
    parser.add_argument('--debug-port', type=int, help='for --init listen')
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--http-port', type=int, default=0)
    parser.add_argument('--config-file')
    parser.add_argument('--restart-method', default='reload')
    return parser.parse_args()


def load_conf(args):
    from oslo_config import cfg

    files = [args.config_file] if args.config_file else []
    cfg.CONF([], project='api', default_config_files=files)
    return cfg.CONF


def patch(engine):
    if engine in GREEN:
        import eventlet

        eventlet.monkey_patch(**GREEN[engine])
    elif engine == 'threading':
        from oslo_service import backend

        backend.init_backend(backend.BackendType.THREADING)


def init_from_threads(conf):
    import threading

    import osdbg

    found = []
    threads = [
        threading.Thread(target=lambda: found.append(osdbg.init(conf)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report_same(found)


def report_same(found):
    same = all(status is found[0] for status in found)
    print(
        f'INIT {len(found)} times, same: {same}, none: {found[0] is None}',
        flush=True,
    )


def init_debugger(args, conf, moment):
    if args.init == 'twice' and moment == 'after_patch':
        import osdbg

        report_same([osdbg.init(conf), osdbg.init(conf)])
    elif args.init == 'threads' and moment == 'after_patch':
        init_from_threads(conf)
    elif args.init == 'listen' and moment == 'in_worker':
        import debugpy

        debugpy.listen(('127.0.0.1', args.debug_port))
    elif args.init == 'enable_late' and moment == 'after_patch':
        from osdbg import integrations
        import oslo_service.service  # noqa: F401

        integrations.enable()
    elif args.init == moment:
        import osdbg

        status = osdbg.init(conf)
        threads = len(os.listdir('/proc/self/task'))  # BREAK initialised
        print(f'INIT {status!r} threads {threads}', flush=True)


def main():
    args = parse_args()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    if args.init == 'enable':
        from osdbg import integrations

        integrations.enable()
    if args.init == 'before_patch':
        init_debugger(args, load_conf(args), 'before_patch')
    patch(args.engine)
    import logging

    logging.basicConfig(
        level=logging.DEBUG,
        stream=sys.stderr,
        format='%(asctime)s %(process)d %(levelname)s %(name)s %(message)s',
    )
    conf = load_conf(args)
    init_debugger(args, conf, 'after_patch')
    import api_engines  # type: ignore

    return api_engines.run(
        args, conf, lambda: init_debugger(args, conf, 'in_worker')
    )


if __name__ == '__main__':
    sys.exit(main())
