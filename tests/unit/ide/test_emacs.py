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

"""Lisp for Emacs; tests/functional/test_ide.py has Emacs run it."""

import unittest

from osdbg.ide import emacs
from tests.unit.ide import parts

BLOCK = '''\
;; osdbg: nova-compute: begin
(with-eval-after-load 'dape
  (setf (alist-get 'osdbg-nova-compute dape-configs)
        '(modes (python-mode python-ts-mode)
          host "::1"
          port 5679
          :type "python"
          :request "attach"
          :justMyCode :json-false
          :subProcess t)))
(with-eval-after-load 'dap-mode
  (require 'dap-python)
  (dap-register-debug-template
   "osdbg: nova-compute"
   '(:name "osdbg: nova-compute"
     :type "python"
     :debugger debugpy
     :request "attach"
     :connect (:host "::1" :port 5679)
     :justMyCode :json-false
     :subProcess t))
  (cl-defmethod dap-handle-event
    ((_event-type (eql debugpyAttach)) session worker)
    (let ((found (copy-sequence (dap--debug-session-launch-args session))))
      (setq found (plist-put found :name (gethash "name" worker)))
      (setq found
            (plist-put found :subProcessId (gethash "subProcessId" worker)))
      (run-at-time 0 nil #'dap-start-debugging found))))
;; osdbg: nova-compute: end
'''


class EmacsTest(unittest.TestCase):
    def test_block(self):
        self.assertEqual(BLOCK, emacs.Emacs().edit('', [parts.COMPUTE]))

    def test_paths(self):
        done = emacs.Emacs(parts.HERE).edit('', [parts.API])
        self.assertEqual(
            2,
            done.count(
                f':pathMappings [(:localRoot "{parts.HERE}/nova/nova/" '
                f':remoteRoot "{parts.SITE}/nova/") '
                f'(:localRoot "/other/\\"six\\".py" '
                f':remoteRoot "{parts.SITE}/six.py")]\n'
            ),
        )
