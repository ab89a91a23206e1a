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

"""Emacs with dape or dap-mode: a block of Lisp for either.

The forms: ``dape-configs`` in dape.el of github.com/svaante/dape, and
dap-python.el of github.com/emacs-lsp/dap-mode (0.7 and later). dape connects
once more for each ``startDebugging``; dap-mode hears of other workers, and
does nothing (``debugpyAttach`` in dap-python.el): the block has it connect.
"""

from __future__ import annotations

from collections.abc import Sequence
import re
from typing import Any

from osdbg.ide import base
from osdbg.ide import blocks

_DAPE = """\
(with-eval-after-load 'dape
  (setf (alist-get '%(symbol)s dape-configs)
        '(modes (python-mode python-ts-mode)
          host %(host)s
          port %(port)s
          :type "python"
          :request "attach"
          %(arguments)s)))
"""
_DAP_MODE = """\
(with-eval-after-load 'dap-mode
  (require 'dap-python)
  (dap-register-debug-template
   %(name)s
   '(:name %(name)s
     :type "python"
     :debugger debugpy
     :request "attach"
     :connect (:host %(host)s :port %(port)s)
     %(arguments)s))
  (cl-defmethod dap-handle-event
    ((_event-type (eql debugpyAttach)) session worker)
    (let ((found (copy-sequence (dap--debug-session-launch-args session))))
      (setq found (plist-put found :name (gethash "name" worker)))
      (setq found
            (plist-put found :subProcessId (gethash "subProcessId" worker)))
      (run-at-time 0 nil #'dap-start-debugging found))))
"""


class Emacs(base.Client):
    """Emacs with dape or dap-mode."""

    name = 'emacs'
    title = 'Emacs (dape, dap-mode)'
    place = 'osdbg.el'

    def edit(self, text: str, targets: Sequence[base.Target]) -> str:
        """Return a file with the configurations in it."""
        for target in targets:
            arguments = self.attach_arguments(target)
            del arguments['connect']
            words = {
                'symbol': re.sub(r'\.', '-', target.slug()),
                'name': _literal(target.name),
                'host': _literal(target.host),
                'port': target.port,
            }
            body = _DAPE % {**words, 'arguments': _plist(arguments, 10)}
            body += _DAP_MODE % {**words, 'arguments': _plist(arguments, 5)}
            text = blocks.put(text, ';;', target.name, body)
        return text

    def hint(self, targets: Sequence[base.Target]) -> str:
        """Say what to do in the client now."""
        return (
            f'type M-x load-file RET {self.place} RET, then M-x dape RET '
            f'{targets[0].slug()} RET; or, with dap-mode, M-x dap-debug RET '
            f'{targets[0].name} RET'
        )


def _plist(arguments: dict[str, Any], column: int) -> str:
    gap = '\n' + ' ' * column
    return gap.join(f':{k} {_literal(v)}' for k, v in arguments.items())


def _literal(value: Any) -> str:
    """Write a value that both turn into the same JSON."""
    if isinstance(value, bool):
        return 't' if value else ':json-false'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        escaped = re.sub(r'(["\\])', r'\\\1', value)
        return f'"{escaped}"'
    if isinstance(value, dict):
        parts = (f':{k} {_literal(v)}' for k, v in value.items())
        return f'({" ".join(parts)})'
    return f'[{" ".join(map(_literal, value))}]'
