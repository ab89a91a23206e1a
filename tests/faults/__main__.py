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
"""``python -m tests.faults``: the fault suite, for as long as you like."""

import argparse
import random
import sys
import unittest

from tests.faults.faults import FAULTS
from tests.faults.storm import Storm


class LongStorm(Storm):
    """The storm that the command line asks for."""

    args: argparse.Namespace

    def test(self) -> None:
        """Do it."""
        args = self.args
        kinds = tuple(args.faults.split(','))
        self.storm(
            args.concurrency, args.seed, args.minutes, args.workers, kinds
        )


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog='python -m tests.faults')
    parser.add_argument('--minutes', type=float, default=5)
    parser.add_argument('--seed', type=int, default=random.randrange(10**6))
    parser.add_argument(
        '--concurrency',
        choices=('eventlet', 'threading'),
        default='eventlet',
    )
    parser.add_argument('--workers', type=int, default=3)
    parser.add_argument(
        '--faults', default=','.join(FAULTS), help='default: %(default)s'
    )
    return parser.parse_args()


def main() -> int:
    """Run it, and leave no process behind.

    :returns: the exit code
    """
    LongStorm.args = parse_args()
    print(f'seed {LongStorm.args.seed}', flush=True)
    case = LongStorm('test')
    try:
        result = unittest.TextTestRunner(stream=sys.stdout).run(case)
    except KeyboardInterrupt:
        print('interrupted')
        return 130
    finally:
        # unittest leaves this out when it is interrupted.
        case.doCleanups()
    return 0 if result.wasSuccessful() else 1


if __name__ == '__main__':
    sys.exit(main())
