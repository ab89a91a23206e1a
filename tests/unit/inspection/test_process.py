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
import pathlib
import tempfile
import unittest

from osdbg.inspection import process


class TestInstalled(unittest.TestCase):
    def test_directory_that_has_been_removed(self):
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)
        self.assertEqual({}, process.installed(['', None]))

    def test_names_of_directories(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in (
                'oslo.service-4.8.0.dist-info',
                'pydevd_pycharm-263.7307.50.dist-info',
                'uWSGI-2.0.31-py3.9.egg-info',
                'debugpy-1.8.22rc1.dist-info',
                'requests-2.0.dist-info',
                'osdbg.egg-link',
            ):
                pathlib.Path(directory, name).mkdir()
            self.assertEqual(
                {
                    'oslo.service': [['4.8.0', directory]],
                    'pydevd-pycharm': [['263.7307.50', directory]],
                    'uWSGI': [['2.0.31', directory]],
                    'debugpy': [['1.8.22rc1', directory]],
                },
                process.installed([directory, directory, '/nowhere']),
            )
