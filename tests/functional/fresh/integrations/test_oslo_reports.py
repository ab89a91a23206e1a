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

"""Guru Meditation reports have a section of ours, and never fail for it."""

from tests.unit.fresh import FreshTestCase

BEGIN = """
import io, os, signal, sys, threading, time
from osdbg import integrations
from oslo_reports import guru_meditation_report as gmr

class Version:
    def vendor_string(self): return 'vendor'
    def product_string(self): return 'product'
    def version_string_with_package(self): return '1'

def report():
    stderr, sys.stderr = sys.stderr, io.StringIO()
    try:
        os.kill(os.getpid(), signal.SIGUSR2)
        time.sleep(0.01)
        return sys.stderr.getvalue()
    finally:
        sys.stderr = stderr

def sleeps():
    time.sleep(1000)

gmr.TextGuruMeditation.setup_autorun(Version())
gmr.TextGuruMeditation.register_section('Other', lambda: 'another section')
title = 'Threads, green threads, and what they wait for (osdbg)'
"""


class SectionTest(FreshTestCase):
    def test_native_threads(self):
        self.assert_ok(f"""
            {self.indented(BEGIN)}
            integrations.enable('oslo_reports')
            for number in range(3):
                threading.Thread(
                    target=sleeps, name=f'T{{number}}', daemon=True
                ).start()
            said = report()
            _, _, section = said.partition(title)
            assert 'threads like this: T0, T1, T2' in section, said
            # What the signal has interrupted, without the report itself.
            assert 'in report' in section, section
            assert 'oslo_reports' not in section, section
            assert '--all' not in section, section
            integrations.disable('oslo_reports')
            after = report()
            assert title not in after and 'another section' in after, after
            print('OK')
            """)

    def test_green_threads(self):
        self.assert_ok(f"""
            import eventlet
            eventlet.monkey_patch()
            from osdbg import integrations
            integrations.enable('oslo_reports')
            {self.indented(BEGIN)}
            for _ in range(3):
                eventlet.spawn(sleeps)
            time.sleep(0)
            _, _, section = report().partition(title)
            assert '3 green threads like this' in section, section
            assert 'waits for: sleep of 1000 s' in section, section
            print('OK')
            """)

    def test_failure_is_no_failure_of_the_report(self):
        self.assert_ok(f"""
            {self.indented(BEGIN)}
            integrations.enable('oslo_reports')

            def refuse(event, arguments):
                if event == 'sys._current_frames' and refusing:
                    raise PermissionError

            refusing = []
            sys.addaudithook(refuse)
            # Its own section on threads asks the same, and comes first.
            gmr.tgen.ThreadReportGenerator.__call__ = lambda self: (
                refusing.append(1) or gmr.tgen.mwdv.ModelWithDefaultViews())
            said = report()
            assert 'osdbg cannot take them: PermissionError()' in said, said
            assert 'another section' in said, said
            print('OK')
            """)

    def indented(self, text):
        return text.replace('\n', '\n            ')
