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
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, cast

import mcp_types as mt
from fastmcp import FastMCP
from fastmcp.server.dependencies import bind_request_context
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp.shared.exceptions import MCPError

from reference_server.engine import Engine
from reference_server.errors import Refusal
from reference_server.extension import detailed, require_declared
from reference_server.limits import LONGEST_ID
from reference_server.requests import not_found, own_task, principal
from reference_server.task import Task

MOST_OF_ONE_OWNER = 1_000
MOST = 5_000
REST_S = 0.05

_URI = "task://status/"
_SUBSCRIBED = "subscribed client"

RequestContext = ServerRequestContext[Any, Any]


def add_notifications(mcp: FastMCP[Any], engine: Engine) -> None:
    """Let clients of this server subscribe to the tasks of this engine."""
    subscriptions = Subscriptions(engine)
    below = mcp._mcp_server  # FastMCP has no public way to serve a method of the protocol that it does not know
    below.add_request_handler("subscriptions/listen", mt.SubscriptionsListenRequestParams, subscriptions.listen)
    below.add_request_handler("resources/subscribe", mt.SubscribeRequestParams, subscriptions.subscribe)
    below.add_request_handler("resources/unsubscribe", mt.UnsubscribeRequestParams, subscriptions.unsubscribe)


class SubscribedClient:
    """An Onlooker: a client that waits for news of tasks, on a stream or in a session.

    ``wanted``: how many subscriptions it asked for.
    """

    def __init__(self, owner: str | None, wanted: int) -> None:
        self.owner = owner
        self._wanted = wanted
        self.tasks: dict[str, str] = {}
        self._new: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._closed = False

    @property
    def size(self) -> int:
        """How many subscriptions it counts for: itself, and those that it has or is about to have."""
        return 1 + max(self._wanted, len(self.tasks))

    def follow(self, task: Task, *, now: bool = False) -> None:
        """From this state of the task on; ``now``: it is to be told itself."""
        self.tasks[task.task_id] = "" if now else task.updated_at
        self.tell(task)

    def tell(self, task: Task) -> None:
        """See Onlooker. A state that is known already is nothing new."""
        if self.tasks.get(task.task_id, task.updated_at) != task.updated_at:
            self.tasks[task.task_id] = task.updated_at
            self._new[task.task_id] = None
            self._woken.set()

    def close(self) -> None:
        """See Onlooker."""
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
        self._clients: set[SubscribedClient] = set()

    # --- revision 2026-07-28: a stream is the answer to a request

    async def listen(
        self, ctx: RequestContext, params: mt.SubscriptionsListenRequestParams
    ) -> mt.SubscriptionsListenResult:
        """Send what is subscribed to until the client leaves, which cancels this, or the server stops."""
        meta: dict[str, Any] = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}
        wanted = params.notifications
        with bind_request_context(ctx):
            task_ids, uris = _task_ids(ctx, wanted), list(dict.fromkeys(wanted.resource_subscriptions or ()))
            with self._subscribed(len(task_ids) + len(uris)) as client:
                # A task is told at once where it stands: what changed while there was no stream is not missed.
                task_ids = [i for i in task_ids if await self._follow(client, i, now=True)]
                uris = [uri for uri in uris if await self._follow(client, _named(uri))]
                granted = {**_flags(wanted), **_filled(taskIds=task_ids, resourceSubscriptions=uris)}
                await _send(ctx, "notifications/subscriptions/acknowledged", {"notifications": granted, "_meta": meta})
                await self._stream(ctx, meta, client, set(task_ids), {_named(uri): uri for uri in uris})
        return mt.SubscriptionsListenResult.model_validate({"_meta": meta})

    async def _stream(
        self,
        ctx: RequestContext,
        meta: dict[str, Any],
        client: SubscribedClient,
        task_ids: set[str],
        uris: dict[str, str],
    ) -> None:
        """``uris`` are those of the tasks' resources, by the tasks' ids."""
        sent: dict[str, str] = {}  # a task may have been sent in a newer state than the one that is news now
        async for task_id in client.news():
            if task_id in uris:
                await _send(ctx, "notifications/resources/updated", {"uri": uris[task_id], "_meta": meta})
            task = await self._task(task_id) if task_id in task_ids else None
            if task and sent.get(task_id) != task.updated_at:
                sent[task_id] = task.updated_at
                await _send(ctx, "notifications/tasks", {**await detailed(self._engine, task), "_meta": meta})

    # --- the handshake era: subscriptions of a session

    async def subscribe(self, ctx: RequestContext, params: mt.SubscribeRequestParams) -> mt.EmptyResult:
        """Send what changes to this session until it ends, or unsubscribes."""
        with bind_request_context(ctx):
            client = self._of_session(ctx)
            self._admit(client.owner, 1)
            if not await self._follow(client, _named(params.uri)):
                raise not_found(f"there is no task {_named(params.uri)[:LONGEST_ID]!r}: subscribe to {_URI}{{task_id}}")
        return mt.EmptyResult()

    async def unsubscribe(self, ctx: RequestContext, params: mt.UnsubscribeRequestParams) -> mt.EmptyResult:
        """Send it no longer."""
        with bind_request_context(ctx):
            client, task_id = self._of_session(ctx), _named(params.uri)
            self._engine.audience.unwatch(task_id, client)
            client.tasks.pop(task_id, None)
        return mt.EmptyResult()

    def _of_session(self, ctx: RequestContext) -> SubscribedClient:
        """The session's client, from its first request on; it leaves with the session."""
        connection: Connection = ctx.session._connection  # what outlives the request has no public name
        if _SUBSCRIBED not in connection.state:
            leaving = connection.exit_stack
            client = leaving.enter_context(self._subscribed(0))
            sending = asyncio.create_task(_tell(connection, client))
            leaving.callback(sending.cancel)
            connection.state[_SUBSCRIBED] = client
        found: SubscribedClient = connection.state[_SUBSCRIBED]
        return found

    # --- who follows what

    @contextmanager
    def _subscribed(self, wanted: int) -> Iterator[SubscribedClient]:
        """A client for as long as it is one."""
        client = SubscribedClient(principal(), wanted)
        self._admit(client.owner, client.size)
        self._clients.add(client)
        try:
            with self._engine.audience.present(client):
                yield client
        finally:
            self._clients.discard(client)

    def _admit(self, owner: str | None, more: int) -> None:
        """Raises MCPError when there would be too many subscriptions."""
        total = sum(client.size for client in self._clients)
        own = sum(client.size for client in self._clients if client.owner == owner)
        if own + more > MOST_OF_ONE_OWNER or total + more > MOST:
            raise MCPError(code=mt.INTERNAL_ERROR, message="there are too many subscriptions: end some, or poll")

    async def _follow(self, client: SubscribedClient, task_id: str, *, now: bool = False) -> bool:
        """Follow a task of the caller's; False where there is none, or it is another's."""
        try:
            task = await own_task(self._engine, task_id)
        except Refusal:
            return False
        self._engine.audience.watch(task.task_id, client)
        client.follow(task, now=now)
        return True

    async def _task(self, task_id: str) -> Task | None:
        return await self._engine.read(lambda store: store.find(task_id))


class Told(mt.Notification[dict[str, Any], str]):
    """A notification whose parameters go out as they are, with what is null in them."""


async def _send(ctx: RequestContext, method: str, params: dict[str, Any]) -> None:
    notification = Told(method=method, params=params)
    await ctx.session.send_notification(cast(mt.ServerNotification, notification), related_request_id=ctx.request_id)


async def _tell(connection: Connection, client: SubscribedClient) -> None:
    """Send a session what it has subscribed to, on its own stream; where it has none, it is not told."""
    async for task_id in client.news():
        await connection.send_resource_updated(_URI + task_id)


def _task_ids(ctx: RequestContext, wanted: mt.SubscriptionFilter) -> list[str]:
    """The tasks that are named in the Tasks extension's way; raises MCPError for those who do not declare it."""
    task_ids = (wanted.model_extra or {}).get("taskIds")
    if task_ids is None:
        return []
    require_declared(ctx)
    if not isinstance(task_ids, list) or not all(isinstance(task_id, str) for task_id in task_ids):
        raise MCPError(code=mt.INVALID_PARAMS, message="taskIds must be a list of task ids")
    return list(dict.fromkeys(task_ids))


def _named(uri: str) -> str:
    """The id of the task whose status the URI is, or no id at all."""
    return uri.removeprefix(_URI) if uri.startswith(_URI) else ""


def _flags(wanted: mt.SubscriptionFilter) -> dict[str, Any]:
    """Changes of the lists of tools, prompts and resources: agreed to, and never told of, as there are none here."""
    flags = wanted.model_dump(
        by_alias=True, include={"tools_list_changed", "prompts_list_changed", "resources_list_changed"}
    )
    return {name: flag for name, flag in flags.items() if flag}


def _filled(**lists: list[str]) -> dict[str, list[str]]:
    return {name: values for name, values in lists.items() if values}
