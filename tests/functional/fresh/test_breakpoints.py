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


from tests.functional.harness import free_port
from tests.unit import fresh
from tests.unit import third_party

KEEP = """
import logging, os, sys
import osdbg
lines = []

class Keep(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())

logging.getLogger('osdbg').addHandler(Keep())
logging.getLogger('osdbg').setLevel(logging.DEBUG)
"""
RAISES = """
from osdbg.backends import Ability
from osdbg.backends import Backend

class Raises(Backend):
    name = 'raises'
    protocol = 'pdb'
    abilities = frozenset((Ability.LISTEN, Ability.PROMPT))

    def require(self):
        pass

    def break_here(self, frame):
        raise ValueError('in break_here')

    def unload(self):
        raise ValueError('in unload')
"""


class BreakpointTestCase(fresh.FreshTestCase):
    def on(self, **more):
        return {'OS_REMOTE_DEBUG__PORT': str(free_port()), **more}

    def run_ok(self, program, **more):
        self.assert_ok(KEEP + program, **more)


class TestHook(BreakpointTestCase):
    def test_is_taken_when_armed(self):
        self.run_ok(
            """
before = sys.breakpointhook
osdbg.init()
assert sys.breakpointhook is osdbg.breakpoint
osdbg.init()
assert sys.breakpointhook is osdbg.breakpoint
print('OK')
""",
            **self.on(),
        )

    def test_is_taken_when_osdbg_is_refused(self):
        self.run_ok(
            """
assert osdbg.init() is None
breakpoint()  # on stdin it would raise
assert any('osdbg is off: set' in line.replace(',', ':') for line in lines)
print('OK')
""",
            **self.on(OS_REMOTE_DEBUG__REDIRECT_OUTPUT='true'),
        )

    def test_is_left_alone_when_off(self):
        self.run_ok(
            """
assert osdbg.init() is None
assert sys.breakpointhook is sys.__breakpointhook__
print('OK')
"""
        )

    def test_is_left_to_who_has_it(self):
        self.run_ok(
            """
sys.breakpointhook = lambda: print('OK')
osdbg.init()
breakpoint()
""",
            **self.on(),
        )


class TestHarm(BreakpointTestCase):
    """Whatever happens at a breakpoint, it is nobody's but ours."""

    def test_in_a_handler_of_the_log(self):
        for backend in ('debugpy', 'remote_pdb'):
            with self.subTest(backend):
                self.run_ok(
                    """
class Breaks(logging.Handler):
    def emit(self, record):
        breakpoint()

logging.getLogger('osdbg').addHandler(Breaks())
osdbg.init()
breakpoint()
print('OK')
""",
                    **self.on(
                        OS_REMOTE_DEBUG__BACKEND=backend,
                        OS_REMOTE_DEBUG__PROMPT_TIMEOUT='0.5',
                    ),
                )

    def test_required_ends_no_request(self):
        self.run_ok(
            """
breakpoint()
assert osdbg.attach() is None
print('OK')
""",
            **self.on(
                PYTHONBREAKPOINT='osdbg.breakpoint',
                OS_REMOTE_DEBUG__BACKEND='turbogdb',
                OS_REMOTE_DEBUG__REQUIRED='true',
            ),
        )

    def test_nobody_waits_for_a_client_in_a_request(self):
        self.run_ok(
            """
breakpoint()
print('OK')
""",
            **self.on(
                PYTHONBREAKPOINT='osdbg.breakpoint',
                OS_REMOTE_DEBUG__WAIT_FOR_CLIENT='true',
            ),
        )

    def test_when_python_ends(self):
        self.run_ok(
            """
class Last:
    def __del__(self):
        breakpoint()

osdbg.init()
sys.last = Last()
print('OK')
""",
            **self.on(),
        )

    def test_a_backend_that_raises(self):
        with third_party.installed(RAISES, raises='Raises') as path:
            self.run_ok(
                """
osdbg.init()
breakpoint()
osdbg.detach()
raised = [line for line in lines if 'backend = raises failed' in line]
assert len(raised) == 2, lines
print('OK')
""",
                **self.on(PYTHONPATH=path, OS_REMOTE_DEBUG__BACKEND='raises'),
            )
