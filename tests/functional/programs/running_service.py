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

"""Loops that run from the start, each in another kind of thread.

``running_service.py KIND ...`` prints ``LOOPING KIND`` once each runs, and
goes on. Lines that tests stop at end in ``# BREAK <kind>``.
"""

import _thread
import asyncio
import socket
import sys
import threading
import time


def loop_green():
    turns = 0
    while True:
        time.sleep(0.05)
        turns += 1  # BREAK green


def loop_nested():
    """Wait in a function that was called by one in C."""
    turns = 0
    while True:
        list(map(time.sleep, [0.05]))
        turns += 1  # BREAK nested


def wait_in_vain(sock):
    for _ in range(3):
        try:
            sock.recv(1)
        except socket.timeout:
            pass


def loop_timeout():
    """Wait as who consumes messages does, in whom exceptions are thrown."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0.02)
    turns = 0
    while theirs:
        wait_in_vain(ours)
        turns += 1  # BREAK timeout


def loop_native():
    turns = 0
    while True:
        time.sleep(0.05)
        turns += 1  # BREAK native


def loop_raw():
    turns = 0
    while True:
        time.sleep(0.05)
        turns += 1  # BREAK raw


def loop_pool():
    from eventlet import patcher

    sleep = patcher.original('time').sleep
    turns = 0
    while True:
        sleep(0.05)
        turns += 1  # BREAK pool


def loop_busy():
    """Be in the trace function, or in a callback, at most moments."""
    sys.setswitchinterval(1e-5)
    turns = 0
    while True:
        turns += 1  # BREAK busy
        if turns < 0:
            turns = 0  # BREAK never


def numbers():
    number = 0
    while True:
        yield number
        number += 1  # BREAK generator


def loop_generator():
    for _ in numbers():
        time.sleep(0.05)


async def loop_task():
    turns = 0
    while True:
        await asyncio.sleep(0.05)
        turns += 1  # BREAK task


def loop_main():
    turns = 0
    while True:
        time.sleep(0.05)
        turns += 1  # BREAK main


def begin(kind):
    if kind == 'green':
        import eventlet

        eventlet.spawn(loop_green)
    elif kind in ('nested', 'timeout'):
        import eventlet

        eventlet.spawn(globals()[f'loop_{kind}'])
    elif kind == 'pool':
        import eventlet
        from eventlet import tpool

        eventlet.spawn(tpool.execute, loop_pool)
    elif kind in ('native', 'busy', 'generator'):
        threading.Thread(
            target=globals()[f'loop_{kind}'], name=kind, daemon=True
        ).start()
    elif kind == 'raw':
        _thread.start_new_thread(loop_raw, ())
    elif kind == 'task':
        threading.Thread(
            target=lambda: asyncio.run(loop_task()), daemon=True
        ).start()
    time.sleep(0.2)  # until it is in its loop
    print('LOOPING', kind, flush=True)


def main(kinds):
    import osdbg

    osdbg.init()
    for kind in kinds:
        begin(kind)
    loop_main()


if __name__ == '__main__':
    if 'green' in sys.argv:
        import eventlet

        eventlet.monkey_patch()
    main(sys.argv[1:])
