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

"""Parked green threads and tasks, as threads that a client can look into.

They are listed while a thread of the worker is stopped, and only when the
client asks for threads; their stacks are taken when it asks for those. What is
evaluated there runs in a thread that is stopped. None of that lets them go on.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import importlib
import itertools
import types
from typing import Any, ClassVar, NamedTuple
import weakref

from osdbg import activity_search
from osdbg.backends import _pydevd_limits as limits
from osdbg import frames as frames_
from osdbg import greenlets
from osdbg import harmless
from osdbg import parked
from osdbg import waiting

# How pydevd begins the ids of what is no thread (pydevd_custom_frames.py).
_PREFIX = '__frame__:'
# What the factory of its messages lists beside the threads.
_NAMES = '_additional_thread_id_to_thread_name'


class _Stopped(NamedTuple):
    """A native thread that is stopped."""

    thread_id: str
    """What pydevd calls it."""
    main: int
    """Its main greenlet; 0 without any."""
    frame: types.FrameType


class _Session:
    """The session of this process; there is one at a time."""

    stopped: ClassVar[dict[int, _Stopped]] = {}
    """The native threads that are, by their identifiers."""
    listed: ClassVar[dict[str, parked.Parked]] = {}
    """Who is shown, by the id it is shown with."""
    as_thread: ClassVar[list[Any]] = []
    """Whose stacks are shown as those of native threads."""
    wishes: ClassVar[dict[str, tuple[weakref.ref[Any], int]]] = {}
    """Who is to be stepped when a thread goes on, by its id, and how."""
    numbers: ClassVar[dict[int, tuple[weakref.ref[Any], int]]] = {}
    """By what they are, for they may be compared in whatever way."""
    counter = itertools.count(1)
    turn = 0
    """Raised when nobody is stopped any more."""


def begin() -> None:
    """Begin without what another session, or the parent, has left."""
    for each in (_Session.stopped, _Session.listed, _Session.wishes):
        each.clear()
    _Session.as_thread.clear()
    _Session.turn += 1


@contextlib.contextmanager
def as_thread(greenlet: Any) -> Iterator[None]:
    """Show one as a native thread meanwhile, and not beside it.

    :param greenlet: None for nobody
    """
    _Session.as_thread.append(greenlet)
    try:
        yield
    finally:
        _Session.as_thread[:] = [
            each for each in _Session.as_thread if each is not greenlet
        ]


def apply(pydevd: Any) -> None:
    """Have the list of threads show who is parked.

    Only of the Debug Adapter Protocol: PyDev's and PyCharm's have a list that
    is told, not asked for, and each entry would be one more stop.

    :param pydevd: the module, just imported
    """
    _note_stops(pydevd)
    _answer(pydevd)
    _take_steps(pydevd)


def _note_stops(pydevd: Any) -> None:
    suspend = pydevd.PyDB.do_wait_suspend

    def do_wait_suspend(
        py_db: Any, thread: Any, frame: Any, *args: Any, **kwargs: Any
    ) -> None:
        ident = waiting.get_ident()
        thread_id = pydevd.get_current_thread_id(thread)
        _Session.stopped[ident] = _Stopped(thread_id, _main(), frame)
        try:
            suspend(py_db, thread, frame, *args, **kwargs)
        finally:
            _Session.stopped.pop(ident, None)
            if not _Session.stopped:
                _Session.turn += 1
                if _Session.listed:
                    harmless.call(_forget, py_db, thread)

    pydevd.PyDB.do_wait_suspend = do_wait_suspend


def _answer(pydevd: Any) -> None:
    """Answer requests for threads and stacks."""
    module: Any = importlib.import_module(
        '_pydevd_bundle.pydevd_net_command_factory_json'
    )
    factory = module.NetCommandFactoryJson
    list_threads = factory.make_list_threads_message
    get_stack = factory.make_get_thread_stack_message

    def make_list_threads_message(self: Any, py_db: Any, seq: Any) -> Any:
        harmless.call(_list, self)
        answer = list_threads(self, py_db, seq)
        return harmless.call(_titled, answer) or answer

    def make_get_thread_stack_message(
        self: Any, py_db: Any, seq: Any, thread_id: Any, *args: Any, **kw: Any
    ) -> Any:
        if str(thread_id).startswith(_PREFIX):
            harmless.call(_track, py_db, thread_id)
        return get_stack(self, py_db, seq, thread_id, *args, **kw)

    factory.make_list_threads_message = make_list_threads_message
    factory.make_get_thread_stack_message = make_get_thread_stack_message


def _take_steps(pydevd: Any) -> None:
    """Let who is parked be stepped: all go on, and that one stops."""
    step = pydevd.PyDevdAPI.request_step

    def request_step(
        api: Any, py_db: Any, thread_id: Any, command: int
    ) -> None:
        one = _Session.listed.get(thread_id)
        if one is None:
            step(api, py_db, thread_id, command)
        elif (stopped := _stopped_with(one.main)) is not None:
            _Session.wishes[stopped] = one.reference, command
            api.request_resume_thread('*')
        else:
            limits.say(
                py_db,
                f'osdbg: {one.title} cannot be stepped from here: set a '
                f'breakpoint in it',
            )

    pydevd.PyDevdAPI.request_step = request_step


def take_wish(thread_id: str) -> tuple[Any, int] | None:
    """Return whom the client wants to be stepped, once, and how.

    :param thread_id: of the thread that goes on
    """
    reference, command = _Session.wishes.pop(thread_id, (None, 0))
    greenlet = None if reference is None else reference()
    return None if greenlet is None else (greenlet, command)


def _list(factory: Any) -> None:
    """Have all who are parked listed, if any thread is stopped.

    :param factory: of pydevd's messages
    """
    if _Session.listed or not _Session.stopped:
        return
    turn = _Session.turn
    names = getattr(factory, _NAMES)
    _fill(names)
    if turn != _Session.turn:
        # All have gone on meanwhile, and nobody else will forget them.
        _empty(names)


def _fill(names: dict[str, str]) -> None:
    for one in parked.find():
        owner = one.reference()
        if owner is not None and not _is_thread(owner):
            number = _number_of(owner)
            frame_id = f'{_PREFIX}{number}|{_stopped_for(one.main)}'
            _Session.listed[frame_id] = one
            names[frame_id] = one.title


def _titled(answer: Any) -> Any:
    """Have the threads that are stopped say what they are busy with.

    :param answer: pydevd's, to the request for the list of threads
    """
    schema: Any = importlib.import_module(
        '_pydevd_bundle._debug_adapter.pydevd_base_schema'
    ).BaseSchema
    threads = {each['id']: each for each in answer.as_dict['body']['threads']}
    for stopped in list(_Session.stopped.values()):
        thread = threads.get(schema._translate_id_to_dap(stopped.thread_id))
        chain = frames_.stack(stopped.frame)
        activity = activity_search.of(frame for frame, _ in chain)
        if thread is not None and activity is not None:
            thread['name'] += f': {activity.title}'
    return type(answer)(answer.id, answer.seq, answer.as_dict, is_json=True)


def _number_of(owner: Any) -> int:
    """Return the number of a green thread or task, the same at each stop."""
    numbers = _Session.numbers
    reference, number = numbers.get(id(owner), (None, 0))
    if reference is None or reference() is not owner:
        number = next(_Session.counter)
        numbers[id(owner)] = weakref.ref(owner), number
    return number


def _is_thread(owner: Any) -> bool:
    return any(owner is each for each in _Session.as_thread)


def _stopped_for(main: int) -> str:
    """Return the id of the thread in which something is evaluated.

    :param main: the main greenlet of the native thread that it should be
    """
    first = next(iter(list(_Session.stopped.values())), None)
    return _stopped_with(main) or (first.thread_id if first else '')


def _stopped_with(main: int) -> str | None:
    """Return the id of the native thread that has it, if that is stopped.

    :param main: a main greenlet; 0 for none, as that of a task
    """
    for stopped in list(_Session.stopped.values()):
        if main and stopped.main == main:
            return stopped.thread_id
    return None


def _track(py_db: Any, frame_id: str) -> None:
    """Have pydevd know the frames of one that is parked.

    :param frame_id: the id that it is listed by
    """
    one = _Session.listed.get(frame_id)
    manager = py_db.suspended_frames_manager
    if one is None or manager.get_frame_tracker(frame_id) is not None:
        return
    thread_id = frame_id.partition('|')[2]
    tracker = manager.get_frame_tracker(thread_id)
    if tracker is None:
        return
    utils: Any = importlib.import_module('_pydevd_bundle.pydevd_frame_utils')
    frames = utils.FramesList()
    for frame in one.chain():
        frames.append(frame)
    try:
        tracker.track(thread_id, frames, frame_custom_thread_id=frame_id)
    except AttributeError:
        pass  # it has gone on meanwhile


def _forget(py_db: Any, thread: Any) -> None:
    """List nobody: no thread is stopped any more.

    :param thread: any, of which the client is told to have it ask again: one
        word for all that is not there any more
    """
    factory, writer = py_db.cmd_factory, py_db.writer
    _empty(getattr(factory, _NAMES))
    if writer is not None:
        writer.add_command(factory.make_thread_created_message(thread))
    for number, (reference, _) in _Session.numbers.copy().items():
        if reference() is None:
            del _Session.numbers[number]


def _empty(names: dict[str, str]) -> None:
    while _Session.listed:
        names.pop(_Session.listed.popitem()[0], None)


def _main() -> int:
    """Return the main greenlet of this native thread; 0 without greenlets."""
    current = greenlets.current()
    return 0 if current is None else id(greenlets.main_of(current))
