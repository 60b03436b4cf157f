"""A conversation with one server: open it, call tools, read resources, leave.

In the stateless era opening costs one ``server/discover`` and leaving nothing; in the handshake era a session is
opened, and leaving deletes it. Every call is bounded by a deadline; what is in the way is said by the error's type.
How the messages travel is the transport's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from mcp_crashtest.wire import messages
from mcp_crashtest.wire.errors import (
    DeadlineExceeded,
    HttpError,
    NoTask,
    ProtocolViolation,
    RpcError,
    Unsupported,
    WireError,
    shown,
)
from mcp_crashtest.wire.http import Address
from mcp_crashtest.wire.messages import HANDSHAKE, MARKED, STATELESS, SUPPORTED, Message, Numbers
from mcp_crashtest.wire.streamable import Streamable
from mcp_crashtest.wire.transport import Connection, OnMessage, Transport

_LONGEST_NUMBER = 1 << 62
_PAGES = 1000
_UNSUPPORTED_PROTOCOL = -32022

OnProgress = Callable[[float, float | None, str | None], object]
OnLog = Callable[[Mapping[str, Any]], object]
_OnNotification = Callable[[Message], object]


@dataclass(frozen=True, slots=True)
class ToolReply:
    """What a tool answered; ``text`` is all of its text, ``structured`` its structured content."""

    is_error: bool
    text: str
    structured: Any | None
    content: tuple[Mapping[str, Any], ...]


@dataclass(slots=True, eq=False, repr=False)
class Session:
    """One conversation over one transport; ``extensions`` are those that we declare in the stateless era.

    ``numbers`` are those of its requests.
    """

    transport: Transport
    extensions: tuple[str, ...] = ()
    server_info: Mapping[str, Any] = field(default_factory=dict)
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=Numbers)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        protocol: str | None = None,
        deadline_s: float,
        headers: Mapping[str, str] | None = None,
        on_message: OnMessage | None = None,
        extensions: tuple[str, ...] = (),
    ) -> Session:
        """Begin a conversation over HTTP, as ``over`` does. Raises WireError."""
        transport = Streamable(Address.of(url), headers or {}, Connection(on_message=on_message))
        return await cls.over(transport, protocol=protocol, deadline_s=deadline_s, extensions=extensions)

    @classmethod
    async def over(
        cls,
        transport: Transport,
        *,
        protocol: str | None = None,
        deadline_s: float,
        extensions: tuple[str, ...] = (),
    ) -> Session:
        """Begin a conversation; ``protocol`` None asks the server, and falls back to a handshake. Raises WireError.

        If it does not begin, the transport is still the caller's.
        """
        session = cls(transport, extensions)
        session._speak(protocol or STATELESS)
        async with _deadline(deadline_s):
            if protocol is None:
                await session._negotiate()
            elif messages.is_stateless(protocol):
                await session._discover()
            else:
                await session._initialize((protocol,))
        return session

    @property
    def protocol(self) -> str:
        """The revision that is spoken."""
        return self.transport.connection.protocol

    @property
    def session_id(self) -> str | None:
        """What the server calls this session; None in the stateless era."""
        return self.transport.connection.session_id

    def _speak(self, protocol: str) -> None:
        self.transport.connection.protocol = protocol

    async def _negotiate(self) -> None:
        try:
            await self._discover()
        except (RpcError, HttpError, ProtocolViolation):
            self._speak(HANDSHAKE)
            await self._initialize(tuple(p for p in SUPPORTED if not messages.is_stateless(p)))

    async def _discover(self) -> None:
        result = await self._request("server/discover", {})
        supported = result.get("supportedVersions")
        if isinstance(supported, list) and self.protocol not in supported:
            raise RpcError(_UNSUPPORTED_PROTOCOL, f"the server speaks {supported}, not {self.protocol}")
        self._introduce(result)

    async def _initialize(self, accepted: tuple[str, ...]) -> None:
        asked = {"protocolVersion": self.protocol, "capabilities": {}, "clientInfo": messages.CLIENT}
        result = await self._request("initialize", asked)
        spoken = result.get("protocolVersion")
        if spoken not in accepted:
            raise RpcError(_UNSUPPORTED_PROTOCOL, f"the server speaks {spoken!r}, not {' or '.join(accepted)}")
        self._speak(str(spoken))
        self._introduce(result)
        await self.transport.tell(messages.notification("notifications/initialized"))

    def _introduce(self, result: Mapping[str, Any]) -> None:
        meta = result.get("_meta")
        named = meta.get("io.modelcontextprotocol/serverInfo") if isinstance(meta, dict) else None
        info = result.get("serverInfo") or named
        self.server_info = info if isinstance(info, dict) else {}
        capabilities = result.get("capabilities")
        self.capabilities = capabilities if isinstance(capabilities, dict) else {}

    async def call(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        deadline_s: float,
        on_progress: OnProgress | None = None,
        on_log: OnLog | None = None,
        marked: bool = False,
    ) -> Mapping[str, Any]:
        """The result of any request, as it came. Progress and log messages are handed on as they come.

        ``marked``: the request's number, and its progress token, begin as no others do.

        Raises WireError: RpcError for an error, Unsupported for a task where tasks were not declared.
        """
        asked: dict[str, Any] = dict(params.get("_meta", {}))
        first = MARKED if marked else 0
        token = f"progress-{first + self.numbers.take()}" if on_progress else None
        if token:
            asked["progressToken"] = token
        if on_log and messages.is_stateless(self.protocol):
            asked.update(messages.log_level("debug"))
        filled = {**params, "_meta": asked} if asked else params
        async with _deadline(deadline_s):
            return await self._request(method, filled, _listener(token, on_progress, on_log), first)

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        deadline_s: float,
        on_progress: OnProgress | None = None,
        on_log: OnLog | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> ToolReply:
        """Call a tool. Progress and log messages are handed on as they come. Raises WireError."""
        params = {"name": name, "arguments": dict(arguments), **({"_meta": meta} if meta else {})}
        result = await self.call("tools/call", params, deadline_s=deadline_s, on_progress=on_progress, on_log=on_log)
        return tool_reply(result)

    async def start_task(self, name: str, arguments: Mapping[str, Any], *, deadline_s: float) -> Mapping[str, Any]:
        """Call a tool that may answer with a task: the task's first state. Raises WireError.

        Raises NoTask, with the tool's answer, when it comes without one.
        """
        result = await self.call("tools/call", {"name": name, "arguments": dict(arguments)}, deadline_s=deadline_s)
        if result.get("resultType") != "task":
            reply = tool_reply(result)
            raise NoTask(reply.text, refused=reply.is_error)
        return result

    async def ask_task(self, operation: str, task_id: str, *, deadline_s: float, **more: Any) -> Mapping[str, Any]:
        """``tasks/get``, ``tasks/update`` or ``tasks/cancel`` of a task, with ``more`` parameters. Raises WireError."""
        return await self.call(f"tasks/{operation}", {"taskId": task_id, **more}, deadline_s=deadline_s)

    async def read_resource(self, uri: str, *, deadline_s: float) -> str:
        """The text of a resource. Raises WireError."""
        result = await self.call("resources/read", {"uri": uri}, deadline_s=deadline_s)
        contents = result.get("contents")
        for content in contents if isinstance(contents, list) else ():
            if isinstance(content, dict) and isinstance(content.get("text"), str):
                return str(content["text"])
        raise ProtocolViolation(f"the resource {shown(uri)} has no text")

    async def list_tools(self, *, deadline_s: float) -> list[Mapping[str, Any]]:
        """All tools. Raises WireError."""
        return await self._list("tools/list", "tools", deadline_s)

    async def list_resources(self, *, deadline_s: float) -> list[Mapping[str, Any]]:
        """All resources. Raises WireError."""
        return await self._list("resources/list", "resources", deadline_s)

    async def list_resource_templates(self, *, deadline_s: float) -> list[Mapping[str, Any]]:
        """All resource templates. Raises WireError."""
        return await self._list("resources/templates/list", "resourceTemplates", deadline_s)

    async def _list(self, method: str, key: str, deadline_s: float) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        cursor: Mapping[str, Any] = {}
        async with _deadline(deadline_s):
            for _ in range(_PAGES):
                result = await self._request(method, cursor)
                page = result.get(key)
                if not isinstance(page, list) or not all(isinstance(item, dict) for item in page):
                    raise ProtocolViolation(f"the answer to {method} has no list of objects {key!r}")
                found += page
                if result.get("nextCursor") is None:
                    return found
                cursor = {"cursor": result["nextCursor"]}
        raise ProtocolViolation(f"{method} did not end within {_PAGES} pages")

    async def close(self) -> None:
        """Leave as a polite client does: delete the session where there is one, then let go. Never raises WireError.

        A call that is still pending in another task raises Broken, unless its answer comes first. A server that does
        not answer is left after a bound of the transport's.
        """
        try:
            await self.transport.leave()
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop every connection at once and without a word; a pending call raises Broken."""
        self.transport.abort()

    async def _request(
        self, method: str, params: Mapping[str, Any], notified: _OnNotification | None = None, first: int = 0
    ) -> Mapping[str, Any]:
        message = messages.request(self.protocol, first + self.numbers.take(), method, params, self.extensions)

        async def heard(said: Message) -> None:
            if "id" in said:
                await self._oblige(said)
            elif notified:
                notified(said)

        with self.transport.connection.pending():
            answer = await self.transport.ask(message, heard)
            result = messages.result_in(answer, message["id"], in_session=self.session_id is not None)
            self._expect(result.get("resultType", "complete"))
        return result

    def _expect(self, kind: object) -> None:
        if kind != "complete" and not (kind == "task" and messages.TASKS in self.extensions):
            raise Unsupported(f"the answer is of the type {shown(kind)}, which this contract does not have")

    async def _oblige(self, asked: Message) -> None:
        """Answer a server's request. That it does not take our answer is no reason to give up the call."""
        if messages.is_stateless(self.protocol):
            raise ProtocolViolation(f"a request from the server, which {self.protocol} does not have: {shown(asked)}")
        with suppress(WireError):
            await self.transport.tell(messages.answer_to(asked))


@asynccontextmanager
async def _deadline(deadline_s: float) -> AsyncIterator[None]:
    timeout = asyncio.timeout(deadline_s)
    try:
        async with timeout:
            yield
    except TimeoutError:
        if not timeout.expired():
            raise
        raise DeadlineExceeded(f"no answer within {deadline_s:.3g} s") from None


def tool_reply(result: Mapping[str, Any]) -> ToolReply:
    """A tool's answer, from the result of ``tools/call``, or from that of its task."""
    found = result.get("content")
    content = tuple(c for c in (found if isinstance(found, list) else ()) if isinstance(c, dict))
    text = "\n".join(c["text"] for c in content if c.get("type") == "text" and isinstance(c.get("text"), str))
    return ToolReply(result.get("isError") is True, text, result.get("structuredContent"), content)


def _listener(token: str | None, on_progress: OnProgress | None, on_log: OnLog | None) -> _OnNotification:
    """Hands on the progress that is called by our token, and log messages."""

    def notified(message: Message) -> None:
        found = message.get("params")
        told: Mapping[str, Any] = found if isinstance(found, dict) else {}
        if message["method"] == "notifications/progress" and on_progress and told.get("progressToken") == token:
            _report(told, on_progress)
        elif message["method"] == "notifications/message" and on_log:
            on_log(told)

    return notified


def _report(told: Mapping[str, Any], on_progress: OnProgress) -> None:
    """Hand on progress that is one; what else it says is handed on where it makes sense."""
    done, total, text = told.get("progress"), told.get("total"), told.get("message")
    if _is_number(done):
        on_progress(done, total if _is_number(total) else None, text if isinstance(text, str) else None)


def _is_number(value: object) -> TypeGuard[float]:
    """Whether arithmetic with it is safe: JSON knows 1e999, and integers of any length."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LONGEST_NUMBER
