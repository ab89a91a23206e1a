// Licensed under the Apache License, Version 2.0 (the "License"); you may
// not use this file except in compliance with the License. You may obtain
// a copy of the License at
//
//      http://www.apache.org/licenses/LICENSE-2.0
//
// Unless required by applicable law or agreed to in writing, software
// distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
// WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
// License for the specific language governing permissions and limitations
// under the License.

// node attach.js LAUNCH_JSON FILE LINE EXPRESSION LEAVE: attach as the one
// configuration says, with a breakpoint; say what happens, a line each, and
// let go on what has stopped; leave when stdin ends.

'use strict';

const fs = require('fs');
const { DebugClient } = require('@vscode/debugadapter-testsupport');

const [file, path, line, expression, leave] = process.argv.slice(2);
const sessions = [];

function say(word, told) {
  process.stdout.write(`${word} ${JSON.stringify(told)}\n`);
}

async function attach(configuration) {
  const client = new DebugClient('', '', configuration.type);
  sessions.push(client);
  // What the Python extension does: a session for each process.
  client.on('debugpyAttach', (event) => attach(event.body).catch(fail));
  client.on('stopped', (event) => stopped(client, configuration, event.body).catch(fail));
  const { host, port } = configuration.connect;
  if (host !== '127.0.0.1') throw new Error(`it connects to ${host}`);
  await client.start(port);
  await client.initializeRequest({
    adapterID: configuration.type,
    linesStartAt1: true,
    columnsStartAt1: true,
    pathFormat: 'path',
  });
  const initialized = client.waitForEvent('initialized');
  const attached = client.attachRequest(configuration);
  await initialized;
  const { body } = await client.setBreakpointsRequest({
    source: { path },
    breakpoints: [{ line: Number(line) }],
  });
  await client.configurationDoneRequest();
  await attached;
  say('ATTACHED', { name: configuration.name, verified: body.breakpoints[0].verified });
}

async function stopped(client, configuration, { threadId, reason }) {
  const trace = await client.stackTraceRequest({ threadId });
  const frame = trace.body.stackFrames[0];
  const { body } = await client.evaluateRequest({ expression, frameId: frame.id, context: 'watch' });
  say('STOPPED', {
    name: configuration.name, reason, path: frame.source.path, line: frame.line, value: body.result,
  });
  await client.continueRequest({ threadId });
}

function fail(error) {
  say('FAILED', String(error));
  process.exit(1);
}

async function go() {
  for (const client of sessions) await client.stop();
  say('LEFT', sessions.length);
  process.exit(0);
}

const looking = setInterval(() => {
  if (!fs.existsSync(leave)) return;
  clearInterval(looking);
  go().catch(fail);
}, 50);

const launch = JSON.parse(fs.readFileSync(file, 'utf8'));
attach(launch.configurations[0]).catch(fail);
