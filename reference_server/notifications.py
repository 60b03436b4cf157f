"""Notifications: a client may be told when a task changes, instead of asking again and again.

Revision 2026-07-28 has streams for it (basic/patterns/subscriptions): subscriptions/listen names resources
task://status/{task_id}, and with the Tasks extension task ids, whose notifications hold the whole task. The handshake
era has resources/subscribe (server/resources, "Subscriptions"), and the session's own stream. FastMCP has neither, so
they are added to the server below it.

A notification says that there is something new, not what has happened: of a task that changes faster than they are
sent only the latest state is told, so what waits to be sent is bounded by what is subscribed to. Nothing is kept over
a restart, and nothing is missed by it: a client subscribes again, and reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import mcp_types as mt
from fastmcp import FastMCP
from fastmcp.server.dependencies import bind_request_context
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY

from reference_server.engine import Engine
from reference_server.extension import detailed
from reference_server.task import Task

MOST_OF_ONE_OWNER = 1_000
MOST = 5_000
REST_S = 0.05

_STATUS_URI = "task://status/"
_TASK_IDS = "taskIds"
_IN_SESSION = "reference_server.notifications"

RequestContext = ServerRequestContext[Any, Any]


def add_notifications(mcp: FastMCP[Any], engine: Engine) -> None:
    """Let clients of this server subscribe to the tasks of this engine."""
    subscriptions = Subscriptions(engine)
    below = mcp._mcp_server  # FastMCP has no public way to serve a method of the protocol that it does not know
    below.add_request_handler("subscriptions/listen", mt.SubscriptionsListenRequestParams, subscriptions.listen)
    below.add_request_handler("resources/subscribe", mt.SubscribeRequestParams, subscriptions.subscribe)
    below.add_request_handler("resources/unsubscribe", mt.UnsubscribeRequestParams, subscriptions.unsubscribe)


class Subscriber:
    """One stream or session: what it follows, and of what it is still to be told."""

    def __init__(self, owner: str | None) -> None:
        self.owner = owner
        self.tasks: dict[str, str] = {}
        self._new: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._closed = False

    def follow(self, task: Task, *, now: bool = False) -> None:
        """From this state of the task on; ``now``: it is to be told itself."""
        self.tasks[task.task_id] = "" if now else task.updated_at
        self.tell(task)

    def tell(self, task: Task) -> None:
        """See Watcher. A state that is known already is nothing new."""
        if self.tasks.get(task.task_id, task.updated_at) != task.updated_at:
            self.tasks[task.task_id] = task.updated_at
            self._new[task.task_id] = None
            self._woken.set()

    def close(self) -> None:
        """See Watcher."""
        self._closed = True
        self._woken.set()

    async def news(self) -> AsyncIterator[str]:
        """The ids of tasks that have changed, until the engine stops; not more often than each REST_S."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            new, self._new = self._new, {}
            for task_id in new:
                yield task_id
            if self._closed:
                return
            await asyncio.sleep(REST_S)


class Subscriptions:
    """All subscriptions to tasks of one engine; they are bounded, for each owner and in total."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._subscribers: set[Subscriber] = set()

    async def listen(
        self, ctx: RequestContext, params: mt.SubscriptionsListenRequestParams
    ) -> mt.SubscriptionsListenResult:
        """One stream (2026-07-28), until the client leaves or the server stops."""
        wanted = params.notifications
        with bind_request_context(ctx):
            task_ids = _task_ids(ctx, wanted)
            uris = wanted.resource_subscriptions or []
            with self._subscriber(len(task_ids) + len(uris)) as subscriber:
                tasks = {task_id: task for task_id in task_ids if (task := await self._find(task_id))}
                resources = {uri: task for uri in uris if (task := await self._find(_named(uri)))}
                # A new stream is told where its tasks stand: what changed while there was none is not missed.
                for task in resources.values():
                    self._follow(subscriber, task)
                for task in tasks.values():
                    self._follow(subscriber, task, now=True)
                return await self._stream(ctx, wanted, subscriber, list(tasks), list(resources))

    async def _stream(
        self,
        ctx: RequestContext,
        wanted: mt.SubscriptionFilter,
        subscriber: Subscriber,
        task_ids: Sequence[str],
        uris: Sequence[str],
    ) -> mt.SubscriptionsListenResult:
        meta: dict[str, Any] = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}

        async def send(notification: Any) -> None:
            await ctx.session.send_notification(notification, related_request_id=ctx.request_id)

        granted = _granted(wanted, task_ids, uris)
        acknowledged = mt.SubscriptionsAcknowledgedNotificationParams(notifications=granted, _meta=cast(Any, meta))
        await send(mt.SubscriptionsAcknowledgedNotification(params=acknowledged))
        async for task_id in subscriber.news():
            for uri in uris:
                if _named(uri) == task_id:
                    updated = mt.ResourceUpdatedNotificationParams(uri=uri, _meta=cast(Any, meta))
                    await send(mt.ResourceUpdatedNotification(params=updated))
            if task_id in task_ids and (task := await self._engine.read(lambda store: store.find(task_id))):  # noqa: B023
                await send(TaskNotification(params={**await detailed(self._engine, task), "_meta": meta}))
        return mt.SubscriptionsListenResult(_meta=cast(Any, meta))
