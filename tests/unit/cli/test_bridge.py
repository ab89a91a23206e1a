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

"""Connections of a bridge that listens."""

import asyncio
import contextlib
import gc
import io
import sys
import unittest

from osdbg.cli import bridge
from osdbg.cli import far_end
from tests.functional import harness

# It does not end with its input, as little as a debug port does at once.
STAYS = 'import sys, time; print(1, flush=True); time.sleep(60)'


class ListenTest(unittest.IsolatedAsyncioTestCase):
    async def test_whose_ide_has_left(self):
        """It sees the other end off, whenever garbage is collected."""
        failures = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, told: failures.append(told))
        before = asyncio.all_tasks()
        near = '127.0.0.1', harness.free_port()
        far = far_end.FarEnd([sys.executable, '-c', STAYS])
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            serving = asyncio.ensure_future(bridge._serve(near, far))
            while not said.getvalue():
                await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*near)
        await reader.readexactly(1)
        writer.transport.abort()
        del reader, writer
        # The one that passes on what the IDE says ends with it.
        count = len(self.others(before, serving))
        while len(self.others(before, serving)) == count:
            await asyncio.sleep(0.01)
        gc.collect()
        await asyncio.sleep(0)
        (accepted,) = self.others(before, serving)
        accepted.cancel()
        await accepted
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        self.assertEqual([], failures)

    def others(self, before, serving):
        return asyncio.all_tasks() - before - {serving}
