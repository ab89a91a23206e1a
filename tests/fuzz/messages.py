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

"""What hypothesis builds its messages from."""

from hypothesis import strategies as st

from osdbg.gateway import capabilities
from osdbg.gateway import payload
from tests.fuzz.gateway_case import frame
from tests.unit.gateway.parts import hello_of

COMMANDS = (
    'attach',
    'completions',
    'configurationDone',
    'continue',
    'debugpySystemInfo',
    'disconnect',
    'evaluate',
    'initialize',
    'launch',
    'next',
    'pause',
    'setBreakpoints',
    'setExceptionBreakpoints',
    'stackTrace',
    'terminate',
    'threads',
    'variables',
)
_FIELDS = (
    'arguments',
    'body',
    'breakpoints',
    'command',
    'connect',
    'event',
    'request_seq',
    'seq',
    'source',
    'subProcessId',
    'success',
    'supportsStartDebuggingRequest',
    'threadId',
    'type',
    *sorted(capabilities.CAPABILITIES)[:2],
)
_HELLO = sorted(hello_of())
_PURPOSES = ('ask', 'hello', 'join', 'prompt', 'terminal')
_ORDERS = (
    'attached',
    'failed',
    'forked',
    'ids',
    'launching',
    'loaded',
    'open',
    'reason',
    'seconds',
    'version',
    'where',
    'worker',
)

numbers = st.one_of(
    st.integers(-(10**30), 10**30),
    st.sampled_from([0, -1, 2**31, 2**63, 10**30]),
    st.floats(allow_nan=False, allow_infinity=False),
)
# Lone surrogates as well: JSON can spell them.
texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(_FIELDS) | texts, inner, max_size=4),
    ),
    max_leaves=10,
)

_bodies = st.dictionaries(
    st.sampled_from(('breakpoints', 'threadId', 'expression', 'source')),
    values,
    max_size=3,
)
requests = st.fixed_dictionaries(
    {
        'type': st.just('request'),
        'seq': st.integers(0, 2**33),
        'command': st.sampled_from(COMMANDS),
    },
    optional={'arguments': _bodies},
)
strange = st.fixed_dictionaries(
    {'type': st.sampled_from(('request', 'response', 'event')) | scalars},
    optional={
        'seq': values,
        'request_seq': values,
        'command': st.sampled_from(COMMANDS) | values,
        'arguments': values,
        'event': values,
        'success': values,
    },
)


frames = st.one_of(requests, strange, values).map(
    lambda message: frame(
        payload.encode(message)
        if isinstance(message, dict)
        else payload.encode({'': message})[4:-1]
    )
)

_hellos = st.fixed_dictionaries(
    {
        'hello': st.dictionaries(st.sampled_from(_HELLO), scalars).map(
            lambda changed: {**hello_of(id='fuzz', opened=False), **changed}
        )
    }
)
lines = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={name: values for name in _PURPOSES[:2] + _ORDERS},
    ),
    _hellos,
    st.sampled_from(_PURPOSES).flatmap(
        lambda purpose: st.fixed_dictionaries(
            {
                purpose: st.dictionaries(
                    st.sampled_from(_ORDERS), values, max_size=4
                )
                | values
            }
        )
    ),
).map(lambda message: payload.encode(message) + b'\n')


@st.composite
def mangled(draw, whole):
    """Draw some messages, and cut, double or overwrite a piece of them."""
    data = b''.join(draw(st.lists(whole, min_size=1, max_size=5)))
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 20)))
        data = data[:start] + draw(st.binary(max_size=9)) + data[end:]
    return data
