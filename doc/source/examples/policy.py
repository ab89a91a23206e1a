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

"""Who may debug, decided by the service."""

import pwd

# [policy]
import sys


def policy(event, args):
    if event == 'osdbg.attach':
        uid, user, pid, program, address = args
        if user not in ALLOWED:
            raise RuntimeError(f'{user} may not debug here')


sys.addaudithook(policy)
# [end]

import hello

ALLOWED = [pwd.getpwuid(int(sys.argv.pop(1))).pw_name]

import osdbg

hello.CONF(sys.argv[1:], project='hello')
osdbg.init(hello.CONF)
hello.serve()
