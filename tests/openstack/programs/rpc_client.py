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

"""Make RPC calls to nova-conductor on behalf of a test, asked over HTTP.

Runs in nova's own virtual environment, not patched by eventlet.
``/minimum_version?binary=nova-conductor`` makes one call and gives its answer,
``/consumers`` tells how many workers wait for calls.
"""

import sys

import calls  # type: ignore
import kombu
from nova.conductor import rpcapi
import nova.conf
from nova import config
from nova import context
from nova import objects


def minimum_version(binary='nova-conductor'):
    """Ask the conductor for the oldest version of ``binary`` it knows."""
    return rpcapi.ConductorAPI().object_class_action_versions(
        context.get_admin_context(),
        'Service',
        'get_minimum_version',
        {'Service': objects.Service.VERSION},
        (binary,),
        {},
    )


def consumers():
    """Count those who wait for calls to any conductor."""
    url = nova.conf.CONF.transport_url.replace('rabbit://', 'amqp://')
    with kombu.Connection(url, connect_timeout=5) as connection:
        queue = connection.default_channel.queue_declare(
            rpcapi.RPC_TOPIC, passive=True
        )
    return queue.consumer_count


CALLS = {'/minimum_version': minimum_version, '/consumers': consumers}


def main():
    config.parse_args(sys.argv)
    objects.register_all()
    calls.serve(lambda path, **query: {'answer': CALLS[path](**query)})


if __name__ == '__main__':
    main()
