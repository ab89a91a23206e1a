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


import sys
import types
import unittest

from osdbg import activities
from osdbg.backends import _pydevd_conditions as conditions
from osdbg import chosen

CALL = '__import__("osdbg").here'


class ResolvingTest(unittest.TestCase):
    """What is written and what is asked."""

    def resolved(self, condition):
        class Breakpoint:
            def __init__(self, line, *, condition=None):
                self.line = line
                self.condition = condition

        Breakpoint.__init__ = conditions._resolving(Breakpoint.__init__)
        found = Breakpoint(3, condition=condition)
        self.assertEqual(3, found.line)
        return found.condition

    def test_ours(self):
        for written, expected in (
            ('osdbg.here(path="a")', f'{CALL}(path="a")'),
            ('osdbg.only(path="a")', f'{CALL}(path="a")'),
            ('osdbg.here (path="a")', f'{CALL} (path="a")'),
            (
                'not osdbg.here(path="a") or (osdbg.only(header="b"))',
                f'not {CALL}(path="a") or ({CALL}(header="b"))',
            ),
            ('x==osdbg.here(1)', f'x=={CALL}(1)'),
        ):
            self.assertEqual(expected, self.resolved(written))

    def test_not_ours(self):
        for written in (
            'my.osdbg.here(path="a")',
            'osdbg.hereafter(1)',
            'osdbg.here',
            'osdbg.status()',
            'myosdbg.here(path="a")',
            'here(path="a")',
            'name == "a"',
            '',
            None,
            5,
        ):
            self.assertEqual(written, self.resolved(written))

    def test_what_is_asked_is_our_function(self):
        code = compile(self.resolved('osdbg.here(path="a")'), 'x', 'eval')
        self.assertIs(False, eval(code, {}))
        with self.assertRaises(TypeError):
            eval(self.resolved('osdbg.here()'), {})


class CompiledTest(unittest.TestCase):
    def test_once(self):
        text = f'{CALL}(path="^/once")'
        self.assertIs(conditions._compiled(text), conditions._compiled(text))

    def test_what_is_no_expression(self):
        for text in ('', ' ', None, 5, b'1', 'a =', 'x = 1', 'if', '\0', '('):
            self.assertIsNone(conditions._compiled(text), text)

    def test_spaces(self):
        # As pydevd takes them, from what somebody has typed.
        self.assertEqual(3, eval(conditions._compiled(' 1 + 2 ')))

    def test_counts(self):
        for hits, expected in (('> 2', True), ('', False), (None, False)):
            found = types.SimpleNamespace(hit_condition=hits)
            self.assertIs(expected, conditions._counts(found))
        # Such as one of exceptions.
        self.assertFalse(conditions._counts(types.SimpleNamespace()))


class ApplyTest(unittest.TestCase):
    """With what pydevd's modules have of it."""

    def setUp(self):
        class Breakpoint:
            def __init__(self, condition, hit_condition=None):
                self.condition = condition
                self.hit_condition = hit_condition

            @property
            def has_condition(self):
                return bool(self.condition)

        class PyDB:
            asked = ()

            def handle_breakpoint_condition(self, info, breakpoint, frame):
                self.asked += (breakpoint.condition,)
                return 'by pydevd'

            def handle_breakpoint_expression(self, breakpoint, info, frame):
                info.pydev_message = breakpoint.condition

        self.addCleanup(chosen.forget)
        name = '_pydevd_bundle.pydevd_breakpoints'
        self.kind = Breakpoint
        module = types.SimpleNamespace(LineBreakpoint=Breakpoint)
        for each, found in ((name, module), ('_pydevd_bundle', module)):
            before = sys.modules.get(each)
            self.addCleanup(self.put_back, each, before)
            sys.modules[each] = found

            def handle_breakpoint_expression(self, breakpoint, info, frame):
                info.pydev_message = breakpoint.condition

        self.pydevd = types.SimpleNamespace(PyDB=PyDB)
        conditions.apply(self.pydevd)
        self.py_db = PyDB()

    def put_back(self, name, module):
        del sys.modules[name]
        if module is not None:
            sys.modules[name] = module

    def ask(self, *args):
        mine = 'here'  # noqa: F841  (a condition looks at it)
        return self.py_db.handle_breakpoint_condition(
            None, self.kind(*args), sys._getframe()
        )

    def test_variables_of_the_frame(self):
        self.assertIs(True, self.ask('mine == "here" and sys is not None'))
        self.assertEqual('here', self.ask('mine'))
        self.assertIs(False, self.ask('osdbg.here(path="a")'))
        self.assertEqual((), self.py_db.asked)

    def test_what_is_left_to_pydevd(self):
        wrong = ('a =', '1 / 0', 'nobody', 'osdbg.here()')
        for condition in wrong:
            self.assertEqual('by pydevd', self.ask(condition))
        self.assertEqual('by pydevd', self.ask('mine', '> 2'))
        self.assertEqual(len(wrong) + 1, len(self.py_db.asked))

    def test_without_a_condition(self):
        self.assertIs(True, self.ask(''))
        for has in (False, True):
            self.assertIs(has, self.kind('').has_condition)
            self.assertIs(True, self.kind('x').has_condition)
            chosen.only(path='/a')

    def test_of_those_that_may_not_stop(self):
        for path, expected in (('/a', True), ('/b', False)):
            chosen.only(path='/a')
            self.assertIs(expected, self.served(path))
        chosen.only()
        self.assertIs(True, self.served('/b'))

    def served(self, path):
        request = activities.WsgiRequest({'PATH_INFO': path})
        token = activities.current.set(request)
        try:
            return self.ask('')
        finally:
            activities.current.reset(token)

    def log(self, environ):
        info = types.SimpleNamespace(pydev_message='before')
        self.py_db.handle_breakpoint_expression(
            self.kind('message'), info, sys._getframe()
        )
        return info.pydev_message

    def test_logs_of_those_that_may_stop(self):
        chosen_one = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/a'}
        for environ in (chosen_one, {}):
            self.assertEqual('message', self.log(environ))
        chosen.only(path='/a')
        self.assertEqual('message', self.log(chosen_one))
        self.assertEqual('', self.log({}))

    def test_a_pydevd_that_asks_in_compiled_code(self):
        self.pydevd.PyDB = type('PyDB', (), {})
        conditions.apply(self.pydevd)
        self.assertEqual(
            {},
            {
                name: value
                for name, value in vars(self.pydevd.PyDB).items()
                if not name.startswith('__')
            },
        )
