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

"""Lua for nvim-dap; tests/functional/test_ide.py has Lua run it."""

import unittest

from osdbg.ide import nvim
from tests.unit.ide import parts

BLOCK = '''\
-- osdbg: nova-compute: begin
do
  local dap = require('dap')
  dap.adapters.osdbg = function(callback, config)
    local place = config.connect
    callback({ type = 'server', host = place.host, port = place.port })
  end
  dap.configurations.python = dap.configurations.python or {}
  table.insert(dap.configurations.python, {
    name = "osdbg: nova-compute",
    type = "osdbg",
    request = "attach",
    connect = {
      host = "::1",
      port = 5679,
    },
    justMyCode = false,
    subProcess = true,
  })
end
-- osdbg: nova-compute: end
'''


class NvimTest(unittest.TestCase):
    def test_block(self):
        self.assertEqual(BLOCK, nvim.Nvim().edit('', [parts.COMPUTE]))

    def test_beside_others(self):
        mine = 'vim.o.number = true\n'
        client = nvim.Nvim(parts.HERE)
        done = client.edit(mine, [parts.API, parts.COMPUTE])
        self.assertTrue(done.startswith(mine))
        self.assertTrue(done.endswith(BLOCK))
        self.assertIn('"${workspaceFolder}/nova/nova/"', done)
        self.assertEqual(done, client.edit(done, [parts.API]))
