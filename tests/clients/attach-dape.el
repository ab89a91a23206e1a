;; -*- lexical-binding: t -*-
;;
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

;; emacs --batch -l attach-dape.el: attach dape as the written configuration
;; says, with a breakpoint; say what happens, a line each, and let go on what
;; has stopped; leave by the command LEAVE_BY when a file is there.

(require 'package)
(package-initialize)
(require 'dape)
(require 'json)
(setq dape-start-hook nil)

(defvar osdbg-sessions nil)

(defun osdbg-say (word told)
  (princ (format "%s %s\n" word (json-encode told)) #'external-debugging-output))

;; The first one has no name.
(defun osdbg-name (session)
  (or (plist-get (dape--config session) :name) (getenv "NAME")))

(defun osdbg-tell-when-configured (words)
  "Tell of each session that has its breakpoints."
  (pcase-let ((`(,session ,command ,arguments ,done) words))
    (if (not (eq command :configurationDone))
        words
      (push session osdbg-sessions)
      (list session command arguments
            (lambda (&rest answer)
              (osdbg-say "ATTACHED" (list :name (osdbg-name session)))
              (apply done answer))))))

(advice-add 'dape-request :filter-args #'osdbg-tell-when-configured)

(cl-defmethod dape-handle-event :after (session (_event (eql stopped)) body)
  (let ((thread (plist-get body :threadId)))
    (dape-request
     session :stackTrace (list :threadId thread)
     (lambda (trace error)
       (if error
           (osdbg-say "FAILED" error)
         (osdbg-look session thread (elt (plist-get trace :stackFrames) 0)))))))

(defun osdbg-look (session thread frame)
  (dape-request
   session :evaluate (list :expression (getenv "EXPRESSION")
                           :frameId (plist-get frame :id) :context "watch")
   (lambda (answer error)
     (osdbg-say "STOPPED"
                (list :name (osdbg-name session)
                      :path (plist-get (plist-get frame :source) :path)
                      :line (plist-get frame :line)
                      :value (or error (plist-get answer :result))))
     (dape-request session :continue (list :threadId thread) #'ignore))))

(load (getenv "CONFIGURATION"))
(find-file (getenv "FILE"))
(goto-char (point-min))
(forward-line (1- (string-to-number (getenv "LINE"))))
(dape-breakpoint-toggle)
(dape (dape--config-eval (intern (getenv "NAME")) nil))
(while (not (file-exists-p (getenv "LEAVE")))
  (accept-process-output nil 0.05))
(funcall (intern (getenv "LEAVE_BY")) (dape--live-connection 'parent))
(while (seq-some #'jsonrpc-running-p osdbg-sessions)
  (accept-process-output nil 0.05))
(osdbg-say "LEFT" (length osdbg-sessions))
