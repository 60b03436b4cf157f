"""JSON-RPC of revision 2026-07-28 as it is on the wire: what the Tasks extension and listen streams are tested with."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.wire import messages
from mcp_crashtest.wire.errors import WireError
from mcp_crashtest.wire.http import Address, Exchange
from mcp_crashtest.wire.messages import STATELESS
from mcp_crashtest.wire.sse import EventStream
from tests.reference_server.conftest import DEADLINE_S, Server

EXTENSION = "io.modelcontextprotocol/tasks"
DECLARED: dict[str, Any] = {"extensions": {EXTENSION: {}}}
TERMINAL = ("completed", "failed", "cancelled")
_LONGEST_EVENT_BYTES = 1 << 20
_REQUEST_ID = 7


class Refused(Exception):
    """An error that the server has answered."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        super().__init__(status, error)
        self.status = status
        self.code = error["code"]
        self.text = error["message"]
        self.data = error.get("data")


@dataclass(frozen=True, slots=True)
class Raw:
    """A client that declares ``capabilities`` with each request. ``headers`` replace what is sent; None leaves out."""

    server: Server
    capabilities: Mapping[str, Any] = field(default_factory=lambda: DECLARED)
    headers: Mapping[str, str | None] = field(default_factory=dict)

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result; raises Refused and WireError."""
        async with asyncio.timeout(DEADLINE_S), self._exchange(method, params) as exchange:
            body = await exchange.text()
        if exchange.headers["content-type"].startswith("text/event-stream"):
            body = EventStream(_LONGEST_EVENT_BYTES).feed(body)[-1].data.encode()
        answer = messages.decode(body)
        if "error" in answer:
            raise Refused(exchange.status, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The result of a tool's call."""
        return await self.ask("tools/call", name=tool, arguments=arguments)

    async def start(self, tool: str, **arguments: Any) -> str:
        """The id of the task that the call has become."""
        created = await self.call(tool, **arguments)
        assert created["resultType"] == "task", created
        return str(created["taskId"])

    async def get(self, task_id: str) -> dict[str, Any]:
        """tasks/get."""
        return await self.ask("tasks/get", taskId=task_id)

    async def update(self, task_id: str, **answers: Any) -> dict[str, Any]:
        """tasks/update."""
        return await self.ask("tasks/update", taskId=task_id, inputResponses=answers)

    async def cancel(self, task_id: str) -> dict[str, Any]:
        """tasks/cancel."""
        return await self.ask("tasks/cancel", taskId=task_id)

    async def until(self, task_id: str, *statuses: str) -> dict[str, Any]:
        """Poll until the task has one of these statuses, or else is terminal."""
        deadline = time.monotonic() + DEADLINE_S
        while (task := await self.get(task_id))["status"] not in (statuses or TERMINAL):
            assert time.monotonic() < deadline, task
            await asyncio.sleep(0.01)
        return task

    async def until_it_says(self, task_id: str, text: str) -> dict[str, Any]:
        """Poll until the task has this status message."""
        deadline = time.monotonic() + DEADLINE_S
        while (task := await self.get(task_id)).get("statusMessage") != text:
            assert time.monotonic() < deadline, task
            await asyncio.sleep(0.01)
        return task

    @asynccontextmanager
    async def listening(self, **wanted: Any) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The messages of a listen stream, the acknowledgement first; raises Refused."""
        async with self._exchange("subscriptions/listen", {"notifications": wanted}) as exchange:
            if not exchange.headers["content-type"].startswith("text/event-stream"):
                raise Refused(exchange.status, messages.decode(await exchange.text())["error"])
            yield _messages(exchange)

    @asynccontextmanager
    async def _exchange(self, method: str, params: Mapping[str, Any]) -> AsyncIterator[Exchange]:
        message = messages.request(STATELESS, _REQUEST_ID, method, params)
        message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = self.capabilities
        headers: dict[str, str | None] = {**messages.headers(STATELESS, message, None)}
        if isinstance(params.get("taskId"), str):
            headers["Mcp-Name"] = messages.header_value(params["taskId"])
        sent = {name: value for name, value in {**headers, **self.headers}.items() if value is not None}
        exchange = Exchange(Address.of(self.server.ready["url"]))
        try:
            await exchange.send("POST", sent, messages.encode(message))
            yield exchange
        finally:
            exchange.close()


async def _messages(exchange: Exchange) -> AsyncIterator[dict[str, Any]]:
    stream = EventStream(_LONGEST_EVENT_BYTES)
    while chunk := await exchange.chunk():
        for event in stream.feed(chunk):
            if event.data:
                yield json.loads(event.data)


async def received(stream: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    """The next message of a stream; raises StopAsyncIteration at its end."""
    async with asyncio.timeout(DEADLINE_S):
        return await anext(stream)


async def broken(stream: AsyncIterator[dict[str, Any]]) -> bool:
    """Whether the stream ends without a last word."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            async for message in stream:
                if "result" in message:
                    return False
    except WireError:
        pass
    return True
