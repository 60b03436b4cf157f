"""A transport without a wire: a server in memory that says what its script says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from mcp_crashtest.wire import messages
from mcp_crashtest.wire.errors import Broken, HttpError, WireError
from mcp_crashtest.wire.messages import HANDSHAKE, STATELESS, Message
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.transport import Connection, Heard, Move, State

Says = Callable[[Message], Iterable[Message | WireError]]

ERAS = pytest.mark.parametrize("protocol", [STATELESS, HANDSHAKE])
AMPLE_S = 5.0
PING = {"jsonrpc": "2.0", "id": "p", "method": "ping"}
SAMPLING = {"jsonrpc": "2.0", "id": "s", "method": "sampling/createMessage", "params": {}}
TASK = {"resultType": "task", "taskId": "t-1", "status": "working"}


def result(**found: Any) -> Says:
    """Answers with this result."""
    return lambda asked: [{"jsonrpc": "2.0", "id": asked["id"], "result": found}]


def error(code: int, text: str) -> Says:
    """Answers with this error."""
    return lambda asked: [{"jsonrpc": "2.0", "id": asked["id"], "error": {"code": code, "message": text}}]


def fails(how: WireError) -> Says:
    """Does not answer, but fails."""
    return lambda _asked: [how]


def nothing(_asked: Message) -> list[Message]:
    """Never answers."""
    return []


def notified(method: str, **params: Any) -> Message:
    """A notification."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def token_of(asked: Message) -> Any:
    """What the progress of a request is to be called by."""
    return asked["params"]["_meta"]["progressToken"]


OPENING: Mapping[str, Says] = {
    "server/discover": result(supportedVersions=[STATELESS], capabilities={"tools": {}}, serverInfo={"name": "modern"}),
    "initialize": result(protocolVersion=HANDSHAKE, capabilities={"tools": {}}, serverInfo={"name": "legacy"}),
}


@dataclass(slots=True, eq=False)
class Scripted:
    """``script`` has, by method, what is said to a request, up to the response; without one, the request is pending.

    ``at_goodbye`` is what is said to those that are pending when we leave. ``deaf``: what we tell is refused.
    """

    script: Mapping[str, Says] = field(default_factory=dict)
    at_goodbye: Says = nothing
    deaf: bool = False
    connection: Connection = field(default_factory=Connection)
    asked: list[Message] = field(default_factory=list)
    told: list[Message] = field(default_factory=list)
    goodbyes: int = 0
    waits: asyncio.Event = field(default_factory=asyncio.Event)
    _going: asyncio.Event = field(default_factory=asyncio.Event)
    _dropped: asyncio.Event = field(default_factory=asyncio.Event)
    _settled: asyncio.Event = field(default_factory=asyncio.Event)
    _pending: int = 0

    async def ask(self, message: Message, heard: Heard) -> Message:
        """Play the script."""
        self._send(message, self.asked)
        answer = await self._play({**OPENING, **self.script}[message["method"]](message), heard)
        return answer or await self._wait(message, heard)

    async def tell(self, message: Message) -> None:
        """Keep what was told."""
        self._send(message, self.told)
        if self.deaf:
            raise HttpError(400, "no thanks")

    async def leave(self) -> None:
        """Say to what is pending what is said then."""
        if self.connection.move(Move.LEAVE) is State.LEAVING:
            self.goodbyes += 1
            self._going.set()
            if self._pending:
                await self._settled.wait()

    def abort(self) -> None:
        """Break what is pending."""
        self.connection.move(Move.DROP)
        self._dropped.set()
        self._going.set()

    def _send(self, message: Message, kept: list[Message]) -> None:
        raw = self.connection.sent(message)
        self.connection.move(Move.SPEAK)
        kept.append(messages.decode(raw))

    async def _play(self, says: Iterable[Message | WireError], heard: Heard) -> Message | None:
        for said in says:
            if isinstance(said, WireError):
                raise said
            message = self.connection.received(messages.encode(said))
            if "method" not in message:
                return message
            await heard(message)
        return None

    async def _wait(self, message: Message, heard: Heard) -> Message:
        self._pending += 1
        self.waits.set()
        try:
            await self._going.wait()
            answer = None if self._dropped.is_set() else await self._play(self.at_goodbye(message), heard)
        finally:
            self._pending -= 1
            self._settled.set()
        if answer is None:
            await self._dropped.wait()
            raise Broken("dropped")
        return answer


async def opened(transport: Scripted, protocol: str | None, *extensions: str) -> Session:
    return await Session.over(transport, protocol=protocol, deadline_s=AMPLE_S, extensions=extensions)


async def pending(transport: Scripted, session: Session) -> asyncio.Task[Any]:
    """A call that is not answered."""
    calling = asyncio.create_task(session.call("slow", {}, deadline_s=AMPLE_S))
    await asyncio.wait_for(transport.waits.wait(), AMPLE_S)
    return calling


def then(*said: Message, last: Says) -> Says:
    """Says this first."""
    return lambda asked: [*said, *last(asked)]
