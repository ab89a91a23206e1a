;; -*- lexical-binding: t -*-
;; Licensed under the Apache License, Version 2.0 (the "License"); you may
;; not use this file except in compliance with the License. You may obtain
;; a copy of the License at
;;
;;      http://www.apache.org/licenses/LICENSE-2.0
;;
;; Unless required by applicable law or agreed to in writing, software
;; distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
;; WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
;; License for the specific language governing permissions and limitations
;; under the License.

;; emacs --batch -l attach.el: attach dap-mode as the written configuration
;; says, with a breakpoint; say what happens, a line each, and let go on what
;; has stopped; leave when a file is there.

(require 'package)
(package-initialize)
(setq user-emacs-directory (file-name-as-directory (getenv "EMACS_HOME"))
      dap-breakpoints-file (expand-file-name "points" (getenv "EMACS_HOME"))
      dap-auto-configure-features nil
      dap-auto-show-output nil)
(require 'dap-mode)
(require 'dap-ui)
(require 'json)

(defvar osdbg-sessions nil)

(defun osdbg-say (word told)
  (princ (format "%s %s\n" word (json-encode told)) #'external-debugging-output))

(defun osdbg-stopped (session)
  (let ((thread (dap--debug-session-thread-id session)))
    (dap--send-message
     (dap--make-request "stackTrace" (list :threadId thread))
     (lambda (trace)
       (let* ((frame (elt (gethash "stackFrames" (gethash "body" trace)) 0))
              (place (gethash "path" (gethash "source" frame)))
              (line (gethash "line" frame)))
         (dap--send-message
          (dap--make-request
           "evaluate"
           (list :expression (getenv "EXPRESSION")
                 :frameId (gethash "id" frame) :context "watch"))
          (lambda (answer)
            (osdbg-say
             "STOPPED"
             (list :name (dap--debug-session-name session)
                   :path place :line line
                   :value (gethash "result" (gethash "body" answer))))
            (dap-continue session thread))
          session)))
     session)))

(add-hook 'dap-stopped-hook #'osdbg-stopped)
(defun osdbg-configured (&rest _)
  "Tell of each session that has its breakpoints."
  (dolist (session (dap--get-sessions))
    (unless (or (memq session osdbg-sessions)
                (not (eq 'running (dap--debug-session-state session))))
      (push session osdbg-sessions)
      (osdbg-say "ATTACHED" (list :name (dap--debug-session-name session))))))

(add-hook 'dap-session-changed-hook #'osdbg-configured)

(load (getenv "CONFIGURATION"))
(find-file (getenv "FILE"))
(goto-char (point-min))
(forward-line (1- (string-to-number (getenv "LINE"))))
(dap-breakpoint-add)
(dap-debug (cdr (assoc (getenv "NAME") dap-debug-template-configurations)))
(while (not (file-exists-p (getenv "LEAVE")))
  (accept-process-output nil 0.05))
(dap-delete-all-sessions)
(osdbg-say "LEFT" (length osdbg-sessions))
