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

"""What a service may have anywhere, and may not be touched."""


class Evil:
    """Whatever it is asked, it runs code of the service."""

    def __getattribute__(self, name):
        raise AssertionError(f'it was asked for {name}')

    def __eq__(self, other):
        raise AssertionError('it was compared')

    def __hash__(self):
        raise AssertionError('it was hashed')

    def __bool__(self):
        raise AssertionError('it was asked whether it is true')
