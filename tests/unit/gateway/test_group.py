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


from osdbg.gateway import group as group_
from osdbg.gateway import worker as worker_
from tests.unit.gateway.parts import GatewayTestCase
from tests.unit.gateway.parts import until

LAUNCHER = None


class TestLauncher(GatewayTestCase):
    async def test_a_process_alone_works(self):
        self.assertEqual([0], await self.numbers(await self.agent()))

    async def test_a_parent_with_children_is_none(self):
        parent = await self.agent()
        self.assertEqual([0], await self.numbers(parent))
        children = [await self.child(parent) for _ in range(2)]
        self.assertEqual(
            [LAUNCHER, 0, 1], await self.numbers(parent, *children)
        )

    async def test_a_parent_that_has_just_forked_is_none(self):
        parent = await self.agent(forked=True)
        self.assertEqual([LAUNCHER], await self.numbers(parent))
        child = await self.child(parent)
        self.assertEqual([LAUNCHER, 0], await self.numbers(parent, child))

    async def test_a_fork_that_was_for_a_command(self):
        parent = await self.agent()
        parent.send(forked=True)
        await until(lambda: parent.said('worker') == [0, LAUNCHER])
        self.age(parent)
        self.assertEqual([0], await self.numbers(parent))

    async def test_expecting_ends_by_itself(self):
        before, group_.CHILD_SECONDS = group_.CHILD_SECONDS, 0.02
        self.addCleanup(setattr, group_, 'CHILD_SECONDS', before)
        parent = await self.agent(forked=True)
        worker = self.gateway._workers[parent.hello['id']]
        worker.forked -= worker_.CHILD_SECONDS - 0.05
        await until(lambda: parent.said('worker') == [0])

    async def test_a_worker_that_forks_goes_on_working(self):
        parent = await self.agent()
        child = await self.child(parent)
        grandchild = await self.child(child)
        child.send(forked=True)
        self.assertEqual(
            [LAUNCHER, 0, 1], await self.numbers(parent, child, grandchild)
        )

    async def test_a_daemonized_service(self):
        parent = await self.agent()
        launcher = await self.child(parent)
        await self.gone(parent)
        worker = await self.child(launcher)
        self.assertEqual([LAUNCHER, 0], await self.numbers(launcher, worker))

    async def test_works_itself_when_its_children_are_gone(self):
        parent = await self.agent()
        child = await self.child(parent)
        await self.gone(child)
        self.age(parent)
        self.assertEqual([0], await self.numbers(parent))

    async def test_launches_on_after_a_reload(self):
        # However long ago it has started: it does not say that it forks.
        parent = await self.agent(eager=True)
        await parent.wait('load')
        old = await self.child(parent)
        await parent.wait('unload')
        await self.gone(old)
        self.assertEqual([LAUNCHER], await self.numbers(parent))
        new = await self.child(parent)
        self.assertEqual([LAUNCHER, 0], await self.numbers(parent, new))
        self.assertEqual(1, len(parent.said('load')))

    async def test_one_that_is_attached_keeps_its_session(self):
        parent = await self.agent()
        client = await self.client()
        self.assertTrue((await client.attach())['success'])
        child = await self.child(parent)
        self.assertEqual([0, 1], await self.numbers(parent, child))

    async def test_a_launcher_is_unloaded(self):
        parent = await self.agent(eager=True)
        await parent.wait('load')
        await until(lambda: parent.links)
        await self.child(parent)
        await parent.wait('unload')
        # And is not loaded again, for all that it is eager.
        parent.send(forked=True)
        await self.numbers(parent)
        self.assertEqual(1, len(parent.said('load')))

    async def test_one_that_says_so_is_unloaded(self):
        parent = await self.agent(eager=True)
        await until(lambda: parent.links)
        parent.send(launching=True)
        await parent.wait('unload')
        await until(lambda: parent.said('worker') == [0, LAUNCHER])
        child = await self.child(parent, eager=True)
        await child.wait('load')
        self.assertEqual(1, len(parent.said('load')))


class TestNumbers(GatewayTestCase):
    async def test_in_order_of_arrival(self):
        agents = [await self.agent() for _ in range(4)]
        self.assertEqual([0, 1, 2, 3], await self.numbers(*agents))

    async def test_a_successor_takes_the_free_number(self):
        agents = [await self.agent() for _ in range(3)]
        await self.gone(agents[1])
        self.assertEqual([1], await self.numbers(await self.agent()))
        self.assertEqual([3], await self.numbers(await self.agent()))

    async def test_a_wish_is_granted_when_free(self):
        second = await self.agent(number=1)
        other = await self.agent(number=1)
        self.assertEqual([1, 0], await self.numbers(second, other))

    async def test_each_service_counts_for_itself(self):
        agents = [await self.agent(name=n) for n in ('api', 'cell', 'api')]
        self.assertEqual([0, 0, 1], await self.numbers(*agents))
