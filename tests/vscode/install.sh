#!/bin/bash
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
#
# install.sh DIR: VS Code (code-server, from npm), an extension that attaches,
# and Chromium to look at it. Takes two to five minutes, and 700 MB.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=$(realpath -m "$1")
mkdir -p "$home"
cd "$home"

packages='chromium fonts-dejavu-core libkrb5-dev libsecret-1-dev pkg-config
    make g++'
command -v npm >/dev/null || packages+=' nodejs npm libnode-dev'
if ! dpkg --status $packages >/dev/null 2>&1; then
    apt-get install -qy --no-install-recommends $packages >apt.log 2>&1 || {
        echo "install as root: apt-get install" $packages >&2
        exit 1
    }
fi
if [ ! -e installed ]; then
    npm init -y >/dev/null
    npm install --no-audit --no-fund --ignore-scripts \
        code-server@4.100.3 playwright-core@1.54.1 >npm.log 2>&1
    (
        cd node_modules/code-server/lib/vscode
        npm install --omit=dev --no-audit --no-fund --ignore-scripts
        for module in @vscode/spdlog node-pty native-watchdog kerberos \
            @parcel/watcher
        do
            (cd "node_modules/$module" &&
                npx --yes node-gyp@11 rebuild --nodedir=/usr)
        done
    ) >>npm.log 2>&1
    # It only hashes the password of the login page, which is off here.
    echo "module.exports = { hash: async () => '', verify: async () => false," \
        "argon2id: 2 };" >node_modules/argon2/argon2.js
    touch installed
fi

extensions=data/extensions
mkdir -p "$extensions" data/User
rm -rf "$extensions/osdbg.attach-0.0.1"
cp -r "$here/extension" "$extensions/osdbg.attach-0.0.1"
cat >"$extensions/extensions.json" <<END
[{"identifier": {"id": "osdbg.attach"}, "version": "0.0.1",
  "location": {"\$mid": 1, "scheme": "file",
               "path": "$home/$extensions/osdbg.attach-0.0.1"},
  "relativeLocation": "osdbg.attach-0.0.1"}]
END
cat >data/User/settings.json <<END
{
  "debug.internalConsoleOptions": "neverOpen",
  "debug.toolBarLocation": "docked",
  "editor.minimap.enabled": false,
  "git.enabled": false,
  "remote.autoForwardPorts": false,
  "security.workspace.trust.enabled": false,
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.colorTheme": "Default Light Modern"
}
END
