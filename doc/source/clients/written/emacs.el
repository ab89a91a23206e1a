;; osdbg: nova-api: begin
(with-eval-after-load 'dape
  (setf (alist-get 'osdbg-nova-api dape-configs)
        '(modes (python-mode python-ts-mode)
          host "127.0.0.1"
          port 5678
          :type "python"
          :request "attach"
          :pathMappings [(:localRoot "/home/me/src/nova/" :remoteRoot "/opt/stack/nova/")]
          :justMyCode :json-false
          :subProcess t)))
(with-eval-after-load 'dap-mode
  (require 'dap-python)
  (dap-register-debug-template
   "osdbg: nova-api"
   '(:name "osdbg: nova-api"
     :type "python"
     :debugger debugpy
     :request "attach"
     :connect (:host "127.0.0.1" :port 5678)
     :pathMappings [(:localRoot "/home/me/src/nova/" :remoteRoot "/opt/stack/nova/")]
     :justMyCode :json-false
     :subProcess t))
  (cl-defmethod dap-handle-event
    ((_event-type (eql debugpyAttach)) session worker)
    (let ((found (copy-sequence (dap--debug-session-launch-args session))))
      (setq found (plist-put found :name (gethash "name" worker)))
      (setq found
            (plist-put found :subProcessId (gethash "subProcessId" worker)))
      (run-at-time 0 nil #'dap-start-debugging found))))
;; osdbg: nova-api: end
