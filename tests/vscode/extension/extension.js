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

// What the extension Python Debugger does to attach, and no more: a
// connection to the adapter, and a session for each debugpyAttach. It is not
// in npm, and Open VSX cannot be reached from everywhere.
//
// If the folder has a plan.json, {file, line, name, expression}: show the file,
// set the breakpoint, start the configuration of that name in launch.json, and
// write what happens to said.log, a JSON object a line. The files "go" and
// "leave" in that folder are orders.

'use strict';

const fs = require('fs');
const path = require('path');
const vscode = require('vscode');

exports.activate = (context) => {
  const keep = (disposable) => context.subscriptions.push(disposable);
  keep(vscode.debug.registerDebugAdapterDescriptorFactory('debugpy', {
    createDebugAdapterDescriptor: ({ configuration: { connect } }) =>
      new vscode.DebugAdapterServer(connect.port, connect.host),
  }));
  keep(vscode.debug.onDidReceiveDebugSessionCustomEvent(({ event, body, session }) => {
    if (event === 'debugpyAttach') {
      vscode.debug.startDebugging(session.workspaceFolder, body, session);
    }
  }));
  const folder = vscode.workspace.workspaceFolders?.[0];
  const plan = folder && path.join(folder.uri.fsPath, 'plan.json');
  if (plan && fs.existsSync(plan)) follow(folder, JSON.parse(fs.readFileSync(plan)), keep);
};

function follow(folder, plan, keep) {
  const root = folder.uri.fsPath;
  const say = (what, told) =>
    fs.appendFileSync(path.join(root, 'said.log'), `${JSON.stringify({ what, ...told })}\n`);
  const stopped = [];
  keep(vscode.debug.registerDebugAdapterTrackerFactory('*', {
    createDebugAdapterTracker: (session) => ({
      onDidSendMessage: (message) => {
        const { name } = session;
        if (message.event === 'stopped') {
          stopped.push([session, message.body.threadId]);
          look(session, message.body.threadId, plan).then((told) => say('stopped', { name, ...told }));
        }
        if (message.type !== 'response') return;
        if (!message.success) say('failed', { name, command: message.command, why: message.message });
        if (message.command === 'configurationDone') say('attached', { name });
      },
    }),
  }));
  keep(vscode.debug.onDidTerminateDebugSession(({ name }) => say('ended', { name })));
  const at = new vscode.Position(plan.line - 1, 0);
  const file = vscode.Uri.file(plan.file);
  vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(new vscode.Location(file, at))]);
  vscode.window.showTextDocument(file, { selection: new vscode.Range(at, at) })
    .then(() => vscode.debug.startDebugging(folder, plan.name))
    .then((started) => say('started', { started }));
  obey(root, 'go', () => stopped.splice(0).forEach(
    ([session, threadId]) => session.customRequest('continue', { threadId })));
  obey(root, 'leave', () => vscode.debug.stopDebugging());
}

async function look(session, threadId, { expression }) {
  const { stackFrames: [frame] } = await session.customRequest('stackTrace', { threadId });
  const { result } = await session.customRequest(
    'evaluate', { expression, frameId: frame.id, context: 'watch' });
  // It has become the address of a file on the host that VS Code is served by.
  const path = frame.source.path.replace(/^vscode-remote:\/\/[^/]*/, '');
  return { path, line: frame.line, value: result };
}

function obey(root, order, act) {
  const looking = setInterval(() => {
    if (!fs.existsSync(path.join(root, order))) return;
    clearInterval(looking);
    act();
  }, 100);
}
