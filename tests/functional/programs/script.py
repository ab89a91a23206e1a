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

"""A plain script that does what its first argument says."""

import os
import subprocess
import sys
import time


def say():
    print('SAID', flush=True)  # BREAK first


def wait():
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.05)  # BREAK turn


def armed():
    return 'osdbg.agent' in sys.modules


def child():
    """Start another script, as a service starts its helpers."""
    subprocess.run([sys.executable, __file__, 'report'], check=True)


def report():
    print(f'CHILD {os.getpid()} armed {armed()}', flush=True)
    if armed():
        wait()


def grandchild():
    """Start a script that says so and ends."""
    subprocess.run([sys.executable, __file__, 'tell'], check=True)


def tell():
    print('armed', armed(), flush=True)


def profile():
    name = repr(getattr(sys.getprofile(), '__name__', None))
    return name  # BREAK profiled


def environment():
    """Print whatever a runner could leave behind, and nothing random."""
    site = sys.modules.get('sitecustomize')
    print('sitecustomize', site and site.__file__)
    print('hidden', repr(getattr(sys, 'hidden', None)))
    print('path', sys.path)
    print('argv', sys.argv)
    for name, value in sorted(os.environ.items()):
        if name != '_':
            print(name, value)


if __name__ == '__main__':
    globals()[sys.argv[1]]()
