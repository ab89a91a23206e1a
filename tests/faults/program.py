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

"""The demo's service with a log, and with its options in a file."""

import argparse
import faulthandler
import logging
import signal
import sys

STACKS = signal.SIGUSR2
"""Has a process say what its threads are at, even if none of them can run."""


def main() -> None:
    """Start as services do: patch, read the configuration, launch."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--concurrency', required=True)
    parser.add_argument('--workers', type=int, required=True)
    parser.add_argument('--config-file', required=True)
    args = parser.parse_args()
    faulthandler.register(STACKS)
    native = args.concurrency == 'threading'
    if native:
        from oslo_service import backend

        backend.init_backend(backend.BackendType.THREADING)
    else:
        import eventlet

        eventlet.monkey_patch()
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format='%(process)d %(levelname)s %(name)s %(message)s',
    )
    from oslo_config import cfg

    import osdbg
    from osdbg.cli import demo_service

    cfg.CONF(['--config-file', args.config_file], project='faults')
    osdbg.init(cfg.CONF)
    demo_service.WORKERS = args.workers
    demo_service.launch(cfg.CONF, native)


if __name__ == '__main__':
    main()
