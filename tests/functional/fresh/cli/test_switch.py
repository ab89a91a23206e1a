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

"""What commands make of what the gateway says, whatever it says."""

import json
import unittest

from tests.unit import fresh

# Answers the command that is run after it as a gateway would.
GATEWAY = """
import json, os, socket, sys, threading
from osdbg.cli import main
from osdbg.gateway import protocol
listener = protocol.listen()
asked, told = json.loads(os.environ['ANSWERS'])
def answer():
    while True:
        sock = socket.socket(fileno=listener._accept()[0])
        message = json.loads(sock.makefile().readline())
        answer = {'go': any(p.get('opened') for p in told)}
        if 'ask' in message:
            found = told if 'open' in message['ask'] else asked
            answer = {'processes': found}
        sock.sendall(json.dumps(answer).encode() + b'\\n')
        sock.close()
threading.Thread(target=answer, daemon=True).start()
sys.exit(main.main(sys.argv[1:] or json.loads(os.environ['WORDS'])))
"""


def process(worker=0, **more):
    return {
        'id': f'id{worker}',
        'pid': 42,
        'name': 'api',
        'worker': worker,
        'backend': 'debugpy',
        'protocol': 'dap',
        'dials': False,
        'opened': True,
        'host': '127.0.0.1',
        'port': 1,
        **more,
    }


class CommandTestCase(unittest.TestCase):
    def osdbg(self, words, told, asked=None):
        done = fresh.run(
            GATEWAY,
            ANSWERS=json.dumps((told if asked is None else asked, told)),
            WORDS=json.dumps(words.split()),
        )
        return done.returncode, done.stdout, done.stderr

    def assert_told(self, expected, words, told, asked=None):
        code, out, err = self.osdbg(words, told, asked)
        self.assertEqual(expected, (code, out.splitlines(), err.splitlines()))


class SwitchTest(CommandTestCase):
    def test_as_it_was_asked(self):
        at = '127.0.0.1:1'
        for words, dials, what in (
            ('open', False, f'clients may come at {at}'),
            ('close', False, f'no client may come at {at}'),
            ('open', True, f'an IDE is called that listens at {at}'),
            ('close', True, f'no IDE is called at {at}'),
        ):
            with self.subTest(words, dials=dials):
                opened = words == 'open'
                told = [process(opened=opened, dials=dials, wanted=opened)]
                launcher = process(None, opened=opened)
                self.assert_told(
                    (0, [f'api/0 [42]: {what}'], []), words, [*told, launcher]
                )

    def test_a_gateway_that_says_less(self):
        told = [process()]
        del told[0]['opened']
        for words in ('open', 'close'):
            self.assertEqual(0, self.osdbg(words, told)[0])

    def test_who_does_not_answer(self):
        for words, then, opened in (
            ('open', 'opens', False),
            ('close', 'closes', True),
        ):
            with self.subTest(words):
                code, out, err = self.osdbg(
                    words,
                    [process(opened=not opened), process(1, opened=opened)],
                )
                self.assertEqual(1, code)
                self.assertRegex(out, r'^api/0 \[42\]: .*\n$')
                self.assertEqual(
                    f'osdbg {words}: api/1 [42] does not answer: it is '
                    f'stopped, or stuck; it {then} when it goes on\n',
                    err,
                )

    def test_who_has_ended(self):
        code, out, err = self.osdbg('open', [], [process()])
        self.assertEqual((1, ''), (code, out))
        self.assertIn('api/0 [42] does not answer: it has ended', err)

    def test_a_port_that_cannot_be_opened(self):
        told = [process(trouble='nginx\n has it', wanted=True)]
        self.assert_told(
            (1, [], ['osdbg open: api/0 [42]: nginx\\n has it']), 'open', told
        )

    def test_close_where_the_port_cannot_be_opened(self):
        told = [process(trouble='nginx has it', opened=False)]
        self.assertEqual(0, self.osdbg('close', told)[0])

    def test_whom_the_option_leaves_out(self):
        left_out = 'api/1 [42]: [remote_debug] workers leaves it out'
        told = [process(wanted=True), process(1, wanted=False)]
        self.assert_told(
            (0, ['api/0 [42]: clients may come at 127.0.0.1:1', left_out], []),
            'open',
            told,
        )
        code, out, err = self.osdbg('open api/1', told)
        self.assertEqual((1, f'{left_out}\n'), (code, out))
        self.assertIn('correct [remote_debug] workers', err)

    def test_json(self):
        told = [process(), process(1, opened=False)]
        code, out, err = self.osdbg('open --json', told)
        self.assertEqual((1, 1), (code, err.count('\n')))
        self.assertEqual(
            [('id0', True), ('id1', False)],
            [(each['id'], each['opened']) for each in json.loads(out)],
        )

    def test_names_that_are_no_text(self):
        name = 'a\x1b[2Jb\r\udc80é'
        shown = 'a\\x1b[2Jb\\r\\udc80é'
        told = [process(name=name, pid=7, host='::1\x1b')]
        self.assert_told(
            (0, [f'{shown}/0 [7]: clients may come at [::1\\x1b]:1'], []),
            'open 7',
            told,
        )
        err = self.osdbg('open other', told)[2]
        self.assertIn(f'write one of {shown},', err)
        err = self.osdbg('open', [*told, process(1)])[2]
        self.assertIn(f'say which of {shown}, api', err)
        err = self.osdbg('open \x1b[2J', told)[2]
        self.assertIn('\\x1b[2J is not armed', err)


class AttachTest(CommandTestCase):
    def test_who_is_not_opened(self):
        for words in ('attach', 'attach api/0', 'attach 127.0.0.1:1'):
            for protocol in ('dap', 'pdb', 'pydevd'):
                with self.subTest(words, protocol=protocol):
                    told = [process(opened=False, protocol=protocol)]
                    line = (
                        'osdbg attach: api lets no client come: type '
                        'osdbg open api first'
                    )
                    self.assert_told((1, [], [line]), words, told)

    def test_who_is_opened_in_part(self):
        told = [process(opened=False), process(1)]
        self.assertEqual(0, self.osdbg('attach api', told)[0])
        self.assertEqual(1, self.osdbg('attach api/0', told)[0])

    def test_who_is_open_but_not_there(self):
        told = [process(protocol='pdb')]
        code, _, err = self.osdbg('attach 127.0.0.1:1', told)
        self.assertEqual(1, code)
        self.assertIn('nobody listens at 127.0.0.1:1 (', err)
        self.assertIn('nobody listens', self.osdbg('attach', told)[2])

    def test_who_shares_a_port(self):
        told = [process(n, protocol='pdb') for n in range(2)]
        code, _, err = self.osdbg('attach api/1', told)
        self.assertEqual(1, code)
        self.assertIn('there was no prompt', err)

    def test_names_that_are_no_text(self):
        for protocol in ('dap', 'pydevd'):
            told = [process(name='a\x1b', host='h\x1b', protocol=protocol)]
            code, out, _ = self.osdbg('attach', told)
            self.assertEqual(0, code)
            self.assertIn('a\\x1b is debugged', out)
            self.assertNotIn('\x1b', out)
