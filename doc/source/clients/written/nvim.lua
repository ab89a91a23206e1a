-- osdbg: nova-api: begin
do
  local dap = require('dap')
  dap.adapters.osdbg = function(callback, config)
    local place = config.connect
    callback({ type = 'server', host = place.host, port = place.port })
  end
  dap.configurations.python = dap.configurations.python or {}
  table.insert(dap.configurations.python, {
    name = "osdbg: nova-api",
    type = "osdbg",
    request = "attach",
    connect = {
      host = "127.0.0.1",
      port = 5678,
    },
    pathMappings = {
      {
        localRoot = "${workspaceFolder}/",
        remoteRoot = "/opt/stack/nova/",
      },
    },
    justMyCode = false,
    subProcess = true,
  })
end
-- osdbg: nova-api: end
