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

"""A program in which it is dangerous to ask what threads are at (3.11)."""

# A finalizer that lets others run, whenever garbage is collected; threads
# with frames that nobody has asked for yet; threads that begin and end.
LITTER = """
import gc, os, sys, threading, time

class Slow:
    def __init__(self):
        self.me = self
    def __del__(self):
        time.sleep(0.0001)

def work():
    def rest():
        time.sleep(0.001)
    while True:
        rest()

def come_and_go():
    while True:
        thread = threading.Thread(target=time.sleep, args=(0.001,))
        thread.start()
        thread.join()

def begin(threshold=150):
    gc.callbacks.append(lambda phase, _: phase == 'stop' and Slow())
    gc.set_threshold(threshold)
    for function in [work] * 20 + [come_and_go] * 2:
        threading.Thread(target=function, daemon=True).start()
"""
