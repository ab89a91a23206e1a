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
"""Threads that wait, and a main one that is stuck: ``ENGINE HOW COUNT``.

Run as a program, which is armed by its environment. HOW the main thread is
stuck is a function below; COUNT is of those that only sleep.
"""

import ctypes
import os
import signal
import sys
import threading

ENGINE, HOW, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
if ENGINE == 'eventlet':
    import eventlet

    eventlet.monkey_patch()

import queue  # noqa: E402
import socket  # noqa: E402
import time  # noqa: E402

import osdbg  # noqa: E402

LOCK = threading.RLock()
QUEUE: queue.Queue[int] = queue.Queue()
LISTENER = socket.create_server(('127.0.0.1', 0))
CLIENT = socket.create_connection(LISTENER.getsockname())
SERVED, _ = LISTENER.accept()


def sleeps():
    time.sleep(1000)


def reads():
    SERVED.recv(1)


def waits_in_line():
    QUEUE.get(timeout=1000)


def wants_the_lock():
    with LOCK:
        pass


def stuck_in_read():
    reader, _ = os.pipe()
    read = native('os').read
    print('STUCK', flush=True)
    read(reader, 1)


def stuck_in_sleep():
    sleep = native('time').sleep
    print('STUCK', flush=True)
    sleep(1000)


def stuck_on_a_lock():
    lock = native('_thread').allocate_lock()
    lock.acquire()
    print('STUCK', flush=True)
    lock.acquire()


def stuck_in_a_loop():
    number = 0
    print('STUCK', flush=True)
    while True:
        number += 1


def stuck_with_the_gil():
    """Let nobody run, once it is told to."""
    sleep = ctypes.PyDLL(None).sleep
    print('STUCK', flush=True)
    signal.sigwait([signal.SIGUSR1])
    print('HOLDING', flush=True)
    sleep(1000)


def idle():
    print('STUCK', flush=True)
    time.sleep(1000)


def native(name):
    """Return a module as it was before it was patched."""
    if ENGINE == 'eventlet':
        return eventlet.patcher.original(name)
    return __import__(name)


def main():
    osdbg.init()
    # For sigwait(); the threads inherit it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    LOCK.acquire()
    kinds = [sleeps] * COUNT + [reads, waits_in_line, wants_the_lock]
    for target in kinds:
        threading.Thread(
            target=target, name=f'one that {target.__name__}', daemon=True
        ).start()
    time.sleep(0.2)  # each gets to where it waits
    globals()[HOW]()


if __name__ == '__main__':
    main()
