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

"""``osdbg doctor FILE:LINE``: can this line stop at all?"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest

from tests.functional import dap
from tests.functional import doctor_case
from tests.functional.harness import APP
from tests.functional.harness import free_port
from tests.functional.harness import line_of
from tests.functional.harness import ROOT
from tests.functional.harness import wait_until

SERVICE = '''
import os, signal, sys
sys.path[:0] = os.environ['CODE'].split(':')
import osdbg
osdbg.init()
import mod
print("READY", flush=True)
signal.pause()
'''
MODULE = '''\
"""A module."""

LIMIT = 3


def work(number):
    # What follows is one statement.
    total = (number +
             LIMIT)
    if total:
        return total
    else:
        return None


class Thing:
    size = 5

    @property
    def double(self):
        return self.size * 2
'''
PAGE_SERVICE = '''
import signal, sys
sys.path.insert(0, {stack!r})
import osdbg
osdbg.init()
import nova.conductor.manager
print("READY", flush=True)
signal.pause()
'''
EXAMPLE = ROOT / 'doc' / 'source' / 'user' / 'doctor.txt'
LINE = 11
COMPILED = '''
#define Py_LIMITED_API 0x03090000
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "mod", NULL, -1};
PyMODINIT_FUNC PyInit_mod(void) { return PyModule_Create(&module); }
'''


def names(finding):
    return [title.partition(' ')[0] for title in finding['processes']]


class PageTest(doctor_case.DoctorTestCase):
    """The example in the documentation is what is printed."""

    def test_example(self):
        port = free_port()
        for name in ('stack/nova', 'stack/nova/conductor'):
            self.file(f'{name}/__init__.py', '')
        path = self.file('stack/nova/conductor/manager.py', MODULE)
        script = PAGE_SERVICE.format(stack=f'{self.directory}/stack')
        process = self.play(
            sys.executable,
            self.file('bin/nova-conductor', script),
            environ={'OS_REMOTE_DEBUG__PORT': str(port)},
        )
        wait_until('armed service', self.processes_told)
        pathlib.Path(path).write_text('# One more line.\n' + MODULE)
        self.environ['COLUMNS'] = '79'
        done = self.osdbg('doctor', path + ':11', 'nova-conductor')
        self.assertEqual((1, ''), (done.returncode, done.stderr))
        gateway = self.gateway()
        told = done.stdout.partition('PACKAGE')[0]
        for ours, theirs in (
            (self.directory, '/opt'),
            (f'[{process.pid}]', '[4711]'),
            (f'(process {gateway})', '(process 4700)'),
            (f':{port} ', ':5678 '),
            (f':{port}:', ':5678:'),
        ):
            told = told.replace(ours, theirs)
        told = re.sub(
            r'ptrace_scope is .*? here', 'ptrace_scope is 1 here', told
        )
        told = re.sub(
            r'takes connections: \S+', 'takes connections: python3', told
        )
        self.assertEqual(EXAMPLE.read_text().split(), told.split(), told)


class BreakpointTest(doctor_case.DoctorTestCase):
    def start(self, code=None, *flags, **environ):
        """Start a service that imports ``mod``, from its own directory."""
        self.port = free_port()
        if code is None:
            code = os.path.join(self.directory, 'code')
            self.mod = self.file('code/mod.py', MODULE)
        service = self.file('svc.py', SERVICE)
        process = self.play(
            sys.executable,
            *flags,
            service,
            environ={
                'CODE': code,
                'OS_REMOTE_DEBUG__PORT': str(self.port),
                **environ,
            },
            say='READY',
        )
        wait_until('armed service', self.processes_told)
        return process

    def start_another(self, more=''):
        """Start one more process of the same service and port."""
        text = SERVICE.replace('import mod', more)
        self.play(
            sys.executable,
            self.file('another/svc.py', text),
            environ={
                'CODE': os.path.dirname(self.mod),
                'OS_REMOTE_DEBUG__PORT': str(self.port),
            },
        )
        wait_until('two', lambda: len(self.processes_told()) == 2)

    def at(self, line=LINE, path=None):
        return f'{path or self.mod}:{line}'

    def test_all_is_well(self):
        self.start()
        client = self.attach(self.port)
        found = self.assert_healthy(self.at(), 'svc')
        self.assertLessEqual({'imported', 'executable'}, {*found})
        # In the other order, and by the end of its path.
        self.assert_healthy('svc', 'mod.py:11')
        client.detach()

    def test_not_attached(self):
        self.start()
        finding = self.find('not-attached', self.at())
        self.assertIn('osdbg attach svc ', finding['type'])

    def test_no_breakpoints(self):
        self.start(OS_REMOTE_DEBUG__BACKEND='remote_pdb')
        finding = self.find('no-breakpoints', self.at())
        self.assertIn('remote_pdb', finding['what'])
        # A prompt could have been spent on who looks at its port.
        self.assertEqual(
            ['armed'],
            [told['state'] for told in self.processes_told().values()],
        )

    def test_not_imported(self):
        self.start()
        other = self.file('pkg/other.py', MODULE)
        self.file('pkg/__init__.py', '')
        finding = self.find('not-imported', self.at(path=other))
        self.assertIn('import pkg; print(pkg.__file__)', finding['type'])
        self.assertIn(sys.prefix, finding['type'])

    def test_not_imported_but_a_namesake(self):
        self.start()
        other = self.file('nova/gateway/protocol.py', MODULE)
        what = self.find('not-imported', self.at(path=other))['what']
        self.assertIn('osdbg/gateway/protocol.py', what)

    def test_ambiguous(self):
        self.start()
        # osdbg's own, and that of importlib.
        what = self.find('ambiguous', '__init__.py:1')['what']
        self.assertIn(os.path.join('osdbg', '__init__.py'), what)

    def test_compiled(self):
        code = os.path.join(self.directory, 'code')
        self.mod = self.file('code/mod.py', MODULE)
        source = self.file('mod.c', COMPILED)
        include = subprocess.check_output(
            [sys.executable, '-c']
            + ['import sysconfig; print(sysconfig.get_path("include"))'],
            text=True,
        ).strip()
        target = os.path.join(code, 'mod.abi3.so')
        subprocess.run(
            ['cc', '-shared', '-fPIC', f'-I{include}', source, '-o', target],
            check=True,
        )
        self.start(code)
        finding = self.find('compiled', self.at())
        self.assertIn(f'move {target} away', finding['type'])

    def test_gone(self):
        self.start()
        os.unlink(self.mod)
        self.assertIn(self.mod, self.find('gone', self.at())['what'])

    def test_differs(self):
        self.start()
        mine = self.file('checkout/mod.py', MODULE.replace('3', '4'))
        what = self.find('differs', self.at(path=mine))['what']
        self.assertIn(self.mod, what)
        same = self.file('same/mod.py', MODULE.replace('\n', '\r\n'))
        self.assert_absent('differs', self.at(path=same))

    def test_changed(self):
        self.start()
        self.assert_absent('changed', self.at())
        # Nothing of it is another one.
        os.utime(self.mod)
        self.assert_absent('changed', self.at())
        pathlib.Path(self.mod).write_text('# One more line.\n' + MODULE)
        what = self.find('changed', self.at())['what']
        self.assertIn('work() in line 6', what)

    def test_line_without_code(self):
        self.start()
        for line, nearest in ((7, 8), (5, 8), (12, 13), (99, 21)):
            finding = self.find('no-code', self.at(line))
            self.assertEqual(f'set it at line {nearest}', finding['type'])

    def test_line_that_an_import_runs(self):
        self.start()
        for line in (3, 6, 17):
            finding = self.find('import-time', self.at(line))
            self.assertIn('wait_for_client', finding['type'])

    def test_mapping(self):
        self.start()
        mine = self.file('checkout/mod.py', MODULE)
        checkout, code = os.path.dirname(mine), os.path.dirname(self.mod)
        needed = f'{{"localRoot": "{checkout}/", "remoteRoot": "{code}/"}}'
        finding = self.find('to-map', self.at(path=mine))
        self.assertIn(needed, finding['type'])
        client = self.attach(self.port, pathMappings=[])
        finding = self.find('not-mapped', self.at(path=mine))
        self.assertIn(needed, finding['type'])
        client.detach()
        mappings = [{'localRoot': checkout, 'remoteRoot': code}]
        client = self.attach(self.port, pathMappings=mappings)
        found = self.doctor(self.at(path=mine))
        self.assertIn('mapped', found)
        self.assertNotIn('not-mapped', found)
        client.detach()

    def test_library(self):
        self.start()
        spot = self.at(1, signal.__file__)
        self.assertEqual('note', self.find('library', spot)['level'])
        for wanted, check in ((True, 'just-my-code'), (False, None)):
            client = self.attach(self.port, justMyCode=wanted)
            found = self.doctor(spot)
            self.assertEqual(
                {check} - {None}, {'library', 'just-my-code'} & {*found}
            )
            client.detach()
            wait_until('detached', self.is_free)

    def is_free(self):
        told = self.processes_told().values()
        return all(each['state'] == 'armed' for each in told)

    @unittest.skipIf(sys.version_info < (3, 11), 'has few frozen modules')
    def test_frozen(self):
        self.start()
        finding = self.find('frozen', self.at(100, os.__file__))
        self.assertIn('-X frozen_modules=off', finding['type'])

    def test_frozen_that_are_not(self):
        self.start(None, '-X', 'frozen_modules=off')
        self.assert_absent('frozen', self.at(100, os.__file__))

    def test_not_imported_here(self):
        self.start()
        self.start_another()
        finding = self.find('not-imported-here', self.at(), 'svc')
        self.assertEqual(['svc/1'], names(finding))

    def test_attached_elsewhere(self):
        self.start()
        self.start_another('import mod')
        session = dap.Session('127.0.0.1', self.port)
        self.addCleanup(session.close)
        session.initialize()
        session.attach(lambda session: None)
        finding = self.find('attached-elsewhere', self.at(), 'svc')
        self.assertIn('svc/0', finding['what'])
        self.assertEqual(['svc/1'], names(finding))

    def test_inside(self):
        service = self.start_service(engine='eventlet', port=free_port())
        (worker,) = service.wait_workers()
        wait_until('armed worker', self.processes_told)
        spot = self.at(line_of('waited'), APP)
        self.assert_absent('inside', spot)
        pending = worker.get_later('/wait?name=gate')
        (parked,) = wait_until(
            'parked request', lambda: self.doctor(spot).get('inside')
        )
        self.assertIn('in wait() already', parked['what'])
        worker.get('/gate?name=gate')
        self.assertEqual(200, pending.result()[0])
        self.assert_absent('inside', spot)

    def test_workers_whose_launcher_has_hidden_objects_from_gc(self):
        service = self.start_service(
            engine='eventlet', workers=2, port=free_port()
        )
        workers = service.wait_workers(2)
        for worker in workers:
            wait_until('armed', lambda: worker.pid in self.processes_told())
            spot = self.at(line_of('handler'), APP)
            self.find('executable', spot, worker.pid)

    def test_not_here(self):
        self.start()
        self.find('not-here', '/nowhere/mod.py:10')
