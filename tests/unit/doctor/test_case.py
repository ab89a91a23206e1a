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

import os
import unittest

from osdbg.cli import doctor as command
from osdbg.doctor import case


class TestSpot(unittest.TestCase):
    def test_words(self):
        for word, expected in (
            ('a.py:7', case.Spot('a.py', 7)),
            ('/x/a:b.py:10', case.Spot('/x/a:b.py', 10)),
            ('nova-api', 'nova-api'),
            ('nova-api/1', 'nova-api/1'),
            ('4711', '4711'),
            ('a.py:0', 'a.py:0'),
        ):
            self.assertEqual(expected, command._word(word))

    def test_what_a_service_is_asked_for(self):
        here = os.path.relpath(__file__)
        self.assertEqual(os.path.abspath(__file__), case.Spot(here, 1).asked)
        self.assertEqual('nova/x.py', case.Spot('nova/x.py', 1).asked)


class TestPatient(unittest.TestCase):
    def test_unarmed(self):
        patient = case.Patient(os.getpid())
        self.assertRegex(patient.title, rf' \[{os.getpid()}\]$')
        self.assertFalse(patient.answers or patient.is_worker)

    def test_armed(self):
        process = {'name': 'svc', 'worker': 1, 'pid': 7, 'client': {}}
        patient = case.Patient(7, process, {'trouble': 'x'})
        self.assertEqual('svc/1 [7]', patient.title)
        self.assertTrue(patient.is_worker)
        self.assertFalse(patient.answers or patient.attached)
