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

"""What the gateway tells a client that it can do.

It answers ``initialize`` before any worker has loaded a debugger, so the
answer is written down here: that of debugpy's adapter, version 1.8.22.
"""

from __future__ import annotations

from typing import Any

CAPABILITIES: dict[str, Any] = {
    'supportsCompletionsRequest': True,
    'supportsConditionalBreakpoints': True,
    'supportsConfigurationDoneRequest': True,
    'supportsDebuggerProperties': True,
    'supportsDelayedStackTraceLoading': True,
    'supportsEvaluateForHovers': True,
    'supportsExceptionInfoRequest': True,
    'supportsExceptionOptions': True,
    'supportsFunctionBreakpoints': True,
    'supportsHitConditionalBreakpoints': True,
    'supportsLogPoints': True,
    'supportsModulesRequest': True,
    'supportsSetExpression': True,
    'supportsSetVariable': True,
    'supportsValueFormattingOptions': True,
    'supportsTerminateDebuggee': True,
    'supportsTerminateRequest': True,
    'supportsGotoTargetsRequest': True,
    'supportsClipboardContext': True,
    'supportsStepInTargetsRequest': True,
    'exceptionBreakpointFilters': [
        {
            'filter': 'raised',
            'label': 'Raised Exceptions',
            'default': False,
            'description': 'Break whenever any exception is raised.',
        },
        {
            'filter': 'uncaught',
            'label': 'Uncaught Exceptions',
            # An adapter says True; in a service that lives on, an exception
            # that ends a thread is an incident, not the end of the program.
            'default': True,
            'description': 'Break when the process is exiting due to '
            'unhandled exception.',
        },
        {
            'filter': 'userUnhandled',
            'label': 'User Uncaught Exceptions',
            'default': False,
            'description': 'Break when exception escapes into library code.',
        },
    ],
}
