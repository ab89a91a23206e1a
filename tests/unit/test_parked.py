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

"""Who is parked: with what stack, under which name, and before whom."""

import asyncio
import builtins
import functools
import gc
import sys
import threading
import types
import unittest
import weakref

import greenlet

from osdbg import parked


def built(module, source, **names):
    """Return a function of a module of that name."""
    namespace = {'__name__': module, **names}
    exec(compile(source, f'/lib/{module}.py', 'exec'), namespace)
    return namespace


# Waits until somebody switches back, as green threads do.
park = built(
    'eventlet.hubs.hub',
    'def park(): return me().parent.switch()',
    me=greenlet.getcurrent,
)['park']


def own(module, source='def entry(*args): park()'):
    """Return a function of a module of that name, which waits."""
    return built(module, source, park=park)['entry']


class ParkedTestCase(unittest.TestCase):
    def begin(self, function, *args):
        """Begin a greenlet, which ends with the test."""
        one = greenlet.greenlet(function)
        one.switch(*args)
        self.addCleanup(one.throw)
        return one

    def find(self, *owners):
        """Return which of these are parked, in the order they are told of."""
        found = parked.find(100_000)
        return [one for one in found if one.reference() in owners]

    def find_one(self, owner):
        (one,) = self.find(owner)
        return one


def names(chain):
    return [frame.f_code.co_name for frame in chain]


class GreenletTest(ParkedTestCase):
    def test_who_is_parked(self):
        def works():
            deeper()

        def deeper():
            park()

        green = self.begin(works)
        one = self.find_one(green)
        self.assertEqual(['park', 'deeper', 'works'], names(one.chain()))
        self.assertEqual('greenlet', one.kind)
        self.assertEqual(id(greenlet.getcurrent()), one.main)
        name = getattr(works.__code__, 'co_qualname', 'works')
        self.assertEqual(f'{name} (test_parked.py)', one.title)

    def test_who_is_not(self):
        begun = self.begin(own('service'))
        ended = greenlet.greenlet(own('service'))
        ended.switch()
        ended.switch()
        self.assertTrue(ended.dead)
        waits_to_begin = greenlet.greenlet(own('service'))
        others = (ended, waits_to_begin, greenlet.getcurrent())
        self.assertEqual([], self.find(*others))
        one = self.find_one(begun)
        begun.switch()
        self.assertEqual([], one.chain())
        self.assertEqual([], self.find(begun))

    def test_main_one_while_another_runs(self):
        main = greenlet.getcurrent()
        found = []
        green = greenlet.greenlet(lambda: found.extend(self.find(main, green)))
        green.switch()
        self.assertEqual([main], [one.reference() for one in found])

    def test_an_odd_subclass(self):
        class Odd(greenlet.greenlet):
            gr_frame = None

            def __bool__(self):
                raise AssertionError('it was asked')

        odd = Odd(own('service'))
        odd.switch()
        self.addCleanup(odd.throw)
        one = next(o for o in parked.find(100_000) if o.reference() is odd)
        self.assertEqual(['park', 'entry'], names(one.chain()))

    def test_deeper_than_the_limit(self):
        def dive(left):
            dive(left - 1) if left else park()

        one = self.find_one(self.begin(dive, 3 * parked._MOST_FRAMES))
        chain = one.chain()
        self.assertEqual(parked._MOST_FRAMES, len(chain))
        # The innermost are kept.
        self.assertEqual(['park', 'dive', 'dive'], names(chain)[:3])
        self.assertIn('dive (test_parked.py)', one.title)

    def test_title_is_of_the_service(self):
        source = 'def entry(call): call()'
        work = own('service.work')
        hub = own('eventlet.greenthread', source)
        one = self.find_one(self.begin(hub, work))
        self.assertEqual('entry (service.work.py)', one.title)
        # With nothing of the service, what eventlet has started it for.
        server = own('eventlet.wsgi', source)
        serve = functools.partial(server, own('eventlet.greenio'))
        one = self.find_one(self.begin(hub, serve))
        self.assertEqual('entry (eventlet.wsgi.py)', one.title)


class OrderTest(ParkedTestCase):
    def setUp(self):
        super().setUp()
        request = own('service.api', 'def entry(environ): park()')
        environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/v3'}
        # Begun in the order that is not that of what matters.
        self.eventlet = self.begin(own('eventlet.greenpool'))
        self.library = self.begin(own('oslo_service.threadgroup'))
        self.own = self.begin(own('service.manager'))
        self.requests = [self.begin(request, environ) for _ in range(3)]

    def test_what_matters_most_comes_first(self):
        every = (self.eventlet, self.library, self.own, *self.requests)
        found = self.find(*every)
        owners = [one.reference() for one in found]
        self.assertEqual(set(self.requests), set(owners[:3]))
        self.assertEqual([self.own, self.library, self.eventlet], owners[3:])
        self.assertEqual(['GET /v3'] * 3, [one.title for one in found[:3]])

    def test_hubs_are_nobody(self):
        hub = self.begin(own('eventlet.hubs.hub'))
        self.assertEqual([], self.find(hub))

    def test_the_most(self):
        for most in (0, 1, 3):
            found = parked.find(most)
            self.assertEqual(most, len(found))
            # No other test leaves a request.
            for one in found:
                self.assertIn(one.reference(), self.requests)
        crowd = [self.begin(own('service')) for _ in range(parked.MOST)]
        found = parked.find()
        self.assertEqual(parked.MOST, len(found))
        owners = [one.reference() for one in found]
        self.assertEqual(set(self.requests), set(owners[:3]))
        self.assertEqual(set(), {self.library, self.eventlet} & set(owners))
        self.assertTrue(set(owners) & set(crowd))


class KeepingTest(unittest.TestCase):
    def test_nothing_is_kept_alive(self):
        class Mine:
            pass

        def works(mine):
            park()

        gc.collect()
        self.addCleanup(gc.enable)
        gc.disable()
        green, mine = greenlet.greenlet(works), Mine()
        gone = [weakref.ref(green), weakref.ref(mine)]
        green.switch(mine)
        found = parked.find(100_000)
        (one,) = (each for each in found if each.reference() is green)
        del found
        self.assertEqual(['park', 'works'], names(one.chain()))
        del green, mine
        # Only a circle would need a collection.
        self.assertEqual([None, None], [each() for each in gone])
        self.assertEqual([], one.chain())
        self.assertIn('works', one.title)


async def inner(event):
    await event.wait()


class Awaitable:
    def __init__(self, event):
        self.event = event

    def __await__(self):
        return inner(self.event).__await__()


async def generates(event):
    await inner(event)
    yield


async def cleans_up(event):
    try:
        yield
    finally:
        await inner(event)


async def awaits(event):
    await inner(event)


async def asks_an_object(event):
    await Awaitable(event)


async def iterates(event):
    async for _ in generates(event):
        pass


async def closes(event):
    generator = cleans_up(event)
    await generator.__anext__()
    await generator.aclose()


@types.coroutine
def old(event):
    yield from inner(event).__await__()


async def asks_an_old_one(event):
    await old(event)


class TaskTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.event = asyncio.Event()
        self.tasks = []

    async def asyncTearDown(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def begin(self, coroutine, **more):
        task = asyncio.get_running_loop().create_task(coroutine, **more)
        self.tasks.append(task)
        for _ in range(3):
            await asyncio.sleep(0)
        return task

    def find(self, task):
        found = parked.find(100_000)
        return [one for one in found if one.reference() is task]

    async def test_whatever_it_awaits(self):
        for function, between in (
            (awaits, ()),
            (asks_an_object, ()),
            (iterates, ('generates',)),
            (closes, ('cleans_up',)),
            (asks_an_old_one, ('old',)),
        ):
            task = await self.begin(function(self.event), name='mine')
            (one,) = self.find(task)
            name = function.__name__
            expected = ['wait', 'inner', *between, name]
            self.assertEqual(expected, names(one.chain()))
            self.assertEqual(('task', 0), (one.kind, one.main))
            self.assertEqual(f'mine: {name} (test_parked.py)', one.title)

    @unittest.skipIf(sys.version_info < (3, 10), 'it came with 3.10')
    async def test_anext(self):
        async def asks():
            await builtins.anext(generates(self.event), None)

        (one,) = self.find(await self.begin(asks()))
        expected = ['wait', 'inner', 'generates', 'asks']
        self.assertEqual(expected, names(one.chain()))

    async def test_who_is_not_parked(self):
        self.assertEqual([], self.find(asyncio.current_task()))
        task = await self.begin(awaits(self.event))
        (one,) = self.find(task)
        self.event.set()
        await task
        self.assertEqual([], self.find(task))
        self.assertEqual([], one.chain())

    async def test_one_that_runs_through_others(self):
        found = []

        async def looks():
            found.extend(self.find(asyncio.current_task()))
            yield

        async def calls():
            async for _ in looks():
                found.append(None)

        await (await self.begin(calls()))
        self.assertEqual([None], found)

    async def test_one_that_has_not_begun(self):
        task = asyncio.ensure_future(awaits(self.event))
        self.tasks.append(task)
        (one,) = self.find(task)
        self.assertEqual(['awaits'], names(one.chain()))
        await asyncio.sleep(0)

    async def test_of_a_request(self):
        async def application(scope):
            await self.event.wait()

        scope = {'type': 'http', 'method': 'GET', 'path': '/v3'}
        (one,) = self.find(await self.begin(application(scope)))
        self.assertEqual('GET /v3', one.title)

    async def test_nothing_is_kept_alive(self):
        task = await self.begin(awaits(self.event))
        self.tasks.clear()
        gone = weakref.ref(task)
        self.event.set()
        gc.collect()
        self.addCleanup(gc.enable)
        gc.disable()
        (one,) = self.find(task)
        await task
        del task
        await asyncio.sleep(0)
        self.assertIsNone(gone())
        self.assertEqual([], one.chain())

    async def test_deeper_than_the_limit(self):
        async def dive(left):
            await (dive(left - 1) if left else self.event.wait())

        task = await self.begin(dive(3 * parked._MOST_FRAMES))
        (one,) = self.find(task)
        self.assertEqual(['dive'] * parked._MOST_FRAMES, names(one.chain()))


class RunningFramesTest(ParkedTestCase):
    def running(self, *codes):
        found = [frame.f_code for frame in parked.running_frames()]
        return [code for code in codes if code in found]

    def test_the_innermost_of_green_threads(self):
        def works():
            park()

        codes = [park.__code__, works.__code__]
        green = self.begin(works)
        self.assertEqual(codes[:1], self.running(*codes))
        green.switch()
        self.assertEqual([], self.running(*codes))

    def test_the_suspended(self):
        def generator():
            yield

        async def coroutine():
            await old_pause()

        @types.coroutine
        def old_pause():
            yield

        async def asynchronous():
            yield

        def suspended():
            found = [each.f_code for each in parked.suspended_frames()]
            return [code for code in codes if code in found]

        functions = (generator, coroutine, old_pause, asynchronous)
        codes = [function.__code__ for function in functions]
        each, awaited, iterated = generator(), coroutine(), asynchronous()
        next(each)
        awaited.send(None)
        with self.assertRaises(StopIteration):
            iterated.asend(None).send(None)
        self.assertEqual(codes, suspended())
        self.assertEqual([], list(each))
        awaited.close()
        with self.assertRaises(StopIteration):
            iterated.aclose().send(None)
        self.assertEqual([], suspended())

    def test_one_that_runs_when_it_is_looked_at(self):
        ending = False
        begun = threading.Event()

        def works():
            begun.set()
            while not ending:
                pass

        # It would be parked again by the time the threads are looked at.
        thread = threading.Thread(
            target=lambda: greenlet.greenlet(works).switch(), daemon=True
        )
        thread.start()
        try:
            self.assertTrue(begun.wait(10))
            found = [each.f_code for each in parked.running_frames()]
        finally:
            ending = True
            thread.join()
        self.assertGreater(found.count(works.__code__), 1)
