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


"""Where osdbg is off; where it is on, see tests/functional/fresh."""

from tests.unit import fresh


class OffTest(fresh.FreshTestCase):
    def test_there_is_no_wrapper(self):
        self.assert_ok("""
            import sys
            from osdbg.integrations import asgi

            async def app(scope, receive, send):
                pass

            assert asgi.wrap(app) is app
            assert asgi.wrap(app, break_on_exception=True) is app
            assert not {'osdbg.agent', 'asyncio'} & {*sys.modules}
            print('OK')
            """)
