"""A conversation with one server: open it, call tools, read resources, leave.

In the stateless era opening costs one ``server/discover`` and leaving nothing; in the handshake era a session is
opened, and leaving deletes it. Every call is bounded by a deadline; what is in the way is said by the error's type.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.wire import messages
from mcp_crashtest.wire.errors import (
    Broken,
    DeadlineExceeded,
    HttpError,
    NoTask,
    ProtocolViolation,
    RpcError,
    SessionLost,
    Unsupported,
    WireError,
    shown,
)
from mcp_crashtest.wire.http import Address, Exchange
from mcp_crashtest.wire.messages import HANDSHAKE, STATELESS, SUPPORTED, Message
from mcp_crashtest.wire.sse import EventStream

_LONGEST_EVENT_BYTES = 1 << 26
_LONGEST_NUMBER = 1 << 62
_LEAVING_S = 1.5  # less than the two seconds that a client in a hurry gives us
_PAGES = 1000
_INVALID_REQUEST = -32600
_UNSUPPORTED_PROTOCOL = -32022
_CLIENT_ERRORS = range(400, 500)

OnProgress = Callable[[float, float | None, str | None], object]
OnLog = Callable[[Mapping[str, Any]], object]
OnMessage = Callable[[str, Mapping[str, Any]], object]


@dataclass(frozen=True, slots=True)
class ToolReply:
    """What a tool answered; ``text`` is all of its text, ``structured`` its structured content."""

    is_error: bool
    text: str
    structured: Any | None
    content: tuple[Mapping[str, Any], ...]


@dataclass(slots=True, eq=False, repr=False)
class Session:
    """One conversation. ``session_id`` is None in the stateless era; ``extensions`` are those that we declare there."""

    address: Address
    protocol: str
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    on_message: OnMessage | None = None
    server_info: Mapping[str, Any] = field(default_factory=dict)
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    session_id: str | None = None
    extensions: tuple[str, ...] = ()
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _exchanges: set[Exchange] = field(default_factory=set)
    _leaving: bool = False
    _aborted: bool = False

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
        """Begin a conversation; ``protocol`` None asks the server, and falls back to a handshake. Raises WireError."""
        session = cls(Address.of(url), protocol or STATELESS, headers or {}, on_message, extensions=extensions)
        async with _deadline(deadline_s):
            if protocol is None:
                await session._negotiate()
            elif messages.is_stateless(protocol):
                await session._discover()
            else:
                await session._initialize((protocol,))
        return session

    async def _negotiate(self) -> None:
        try:
            await self._discover()
        except (RpcError, HttpError, ProtocolViolation):
            self.protocol = HANDSHAKE
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
        self.protocol = str(spoken)
        self._introduce(result)
        await self._post(messages.notification("notifications/initialized"))

    def _introduce(self, result: Mapping[str, Any]) -> None:
        meta = result.get("_meta")
        named = meta.get("io.modelcontextprotocol/serverInfo") if isinstance(meta, dict) else None
        info = result.get("serverInfo") or named
        self.server_info = info if isinstance(info, dict) else {}
        capabilities = result.get("capabilities")
        self.capabilities = capabilities if isinstance(capabilities, dict) else {}

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
        asked: dict[str, Any] = dict(meta or {})
        if on_progress:
            asked["progressToken"] = f"progress-{next(self._ids)}"
        if on_log and messages.is_stateless(self.protocol):
            asked.update(messages.log_level("debug"))
        params: dict[str, Any] = {"name": name, "arguments": dict(arguments)}
        if asked:
            params["_meta"] = asked

        def heard(message: Message) -> None:
            found = message.get("params")
            told: Mapping[str, Any] = found if isinstance(found, dict) else {}
            if message["method"] == "notifications/progress" and on_progress:
                if told.get("progressToken") == asked["progressToken"] and _is_number(told.get("progress")):
                    total, text = told.get("total"), told.get("message")
                    on_progress(
                        told["progress"],
                        total if _is_number(total) else None,
                        text if isinstance(text, str) else None,
                    )
            elif message["method"] == "notifications/message" and on_log:
                on_log(told)

        async with _deadline(deadline_s):
            return tool_reply(await self._request("tools/call", params, heard))

    async def start_task(self, name: str, arguments: Mapping[str, Any], *, deadline_s: float) -> Mapping[str, Any]:
        """Call a tool that may answer with a task: the task's first state. Raises WireError.

        Raises NoTask, with the tool's answer, when it comes without one.
        """
        async with _deadline(deadline_s):
            result = await self._request("tools/call", {"name": name, "arguments": dict(arguments)})
        if result.get("resultType") != "task":
            reply = tool_reply(result)
            raise NoTask(reply.text, refused=reply.is_error)
        return result

    async def ask_task(self, operation: str, task_id: str, *, deadline_s: float) -> Mapping[str, Any]:
        """``tasks/get`` or ``tasks/cancel`` of a task. Raises WireError."""
        async with _deadline(deadline_s):
            return await self._request(f"tasks/{operation}", {"taskId": task_id})

    async def read_resource(self, uri: str, *, deadline_s: float) -> str:
        """The text of a resource. Raises WireError."""
        async with _deadline(deadline_s):
            result = await self._request("resources/read", {"uri": uri})
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
        not answer is left after 1.5 s.
        """
        self._leaving = True
        try:
            if self.session_id is not None and not self._aborted:
                headers = messages.headers(self.protocol, {}, self.session_id)
                with suppress(WireError, TimeoutError):
                    async with asyncio.timeout(_LEAVING_S), self._exchange("DELETE", headers, b""):
                        pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop every connection at once and without a word; a pending call raises Broken."""
        self._aborted = True
        for exchange in tuple(self._exchanges):
            exchange.abort()

    # --- one message

    async def _post(self, message: Message) -> None:
        """Send a message to which no message answers."""
        headers = messages.headers(self.protocol, message, self.session_id)
        async with self._exchange("POST", headers, self._sent(message)) as exchange:
            body = await exchange.text()
            if not 200 <= exchange.status < 300:
                raise self._refused(exchange, body)

    async def _request(
        self, method: str, params: Mapping[str, Any], heard: Callable[[Message], None] | None = None
    ) -> Mapping[str, Any]:
        message = messages.request(self.protocol, next(self._ids), method, params, self.extensions)
        headers = messages.headers(self.protocol, message, self.session_id)
        try:
            async with self._exchange("POST", headers, self._sent(message)) as exchange:
                answer = await self._answer(exchange, message["id"], heard)
                if method == "initialize":
                    self.session_id = _session_id(exchange.headers.get("mcp-session-id"))
            return self._result(answer, message["id"])
        except (HttpError, SessionLost, ProtocolViolation, RpcError) as error:
            if self._leaving:
                raise Broken(f"the session was left while the call was pending: {error}") from error
            raise

    @asynccontextmanager
    async def _exchange(self, method: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator[Exchange]:
        if self._aborted:
            raise Broken("the session was left by this side")
        exchange = Exchange(self.address)
        self._exchanges.add(exchange)
        try:
            await exchange.send(method, {**headers, **self.extra_headers}, body)
            yield exchange
        finally:
            self._exchanges.discard(exchange)
            exchange.close()

    async def _answer(self, exchange: Exchange, id_: int, heard: Callable[[Message], None] | None) -> Message:
        succeeded = 200 <= exchange.status < 300
        if succeeded and exchange.headers.get("content-type", "").lower().startswith("text/event-stream"):
            return await self._streamed(exchange, id_, heard)
        body = await exchange.text()
        if not succeeded:
            raise self._refused(exchange, body)
        try:
            return self._received(body)
        except ProtocolViolation as error:
            if exchange.delimited:
                raise
            raise Broken(f"the answer ended with the connection, and is not whole: {error}") from error

    async def _streamed(self, exchange: Exchange, id_: int, heard: Callable[[Message], None] | None) -> Message:
        stream = EventStream(_LONGEST_EVENT_BYTES)
        while chunk := await exchange.chunk():
            for event in stream.feed(chunk):
                if event.type != "message" or not event.data:
                    continue
                message = self._received(event.data)
                if "method" not in message:
                    return message
                if "id" in message:
                    await self._oblige(message)
                elif heard:
                    heard(message)
        raise Broken("the stream ended without the answer")

    async def _oblige(self, asked: Message) -> None:
        """Answer a server's request. That it does not take our answer is no reason to give up the call."""
        if messages.is_stateless(self.protocol):
            raise ProtocolViolation(f"a request from the server, which {self.protocol} does not have: {shown(asked)}")
        with suppress(WireError):
            await self._post(messages.answer_to(asked))

    def _refused(self, exchange: Exchange, body: bytes) -> WireError:
        """What an HTTP status other than success means: a lost session, a JSON-RPC error, or just that."""
        status, text = exchange.status, shown(body)
        if status == 404 and self.session_id is not None:
            return SessionLost(text)
        if status not in _CLIENT_ERRORS:
            moved = exchange.headers.get("location")
            return HttpError(status, f"moved to {moved}; give that URL" if moved else text)
        with suppress(ProtocolViolation):
            error = messages.decode(body).get("error")
            if isinstance(error, dict):
                found = self._error(error)
                if self.session_id is not None and "session" in str(found).lower():
                    return SessionLost(str(found))  # many servers answer 400 where the specification wants 404
                return found
        return HttpError(status, text)

    def _error(self, error: Mapping[str, Any]) -> WireError:
        code, text = error.get("code"), str(error.get("message"))
        if code == _INVALID_REQUEST and self.session_id is not None and "session" in text.lower():
            return SessionLost(shown(text))
        return RpcError(code if isinstance(code, int) else 0, text, error.get("data"))

    def _result(self, answer: Message, id_: int) -> Mapping[str, Any]:
        error, result = answer.get("error"), answer.get("result")
        if isinstance(error, dict) and answer.get("id") is None:
            raise self._error(error)
        if not messages.answers(answer, id_):
            raise ProtocolViolation(f"the answer to request {id_} is that to {shown(answer.get('id'))}")
        if isinstance(error, dict):
            raise self._error(error)
        if not isinstance(result, dict):
            raise ProtocolViolation("the answer has neither a result nor an error")
        kind = result.get("resultType", "complete")
        if kind != "complete" and not (kind == "task" and messages.TASKS in self.extensions):
            raise Unsupported(f"the answer is of the type {shown(kind)}, which this contract does not have")
        return result

    def _sent(self, message: Message) -> bytes:
        if self.on_message:
            self.on_message("sent", message)
        return messages.encode(message)

    def _received(self, text: str | bytes) -> Message:
        message = messages.decode(text)
        if self.on_message:
            self.on_message("received", message)
        return message


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


def _session_id(text: str | None) -> str | None:
    if text is not None and not (text and all("!" <= c <= "~" for c in text)):
        raise ProtocolViolation(f"a session id that is not visible ASCII: {shown(text)}")
    return text


def tool_reply(result: Mapping[str, Any]) -> ToolReply:
    """A tool's answer, from the result of ``tools/call``, or from that of its task."""
    found = result.get("content")
    content = tuple(c for c in (found if isinstance(found, list) else ()) if isinstance(c, dict))
    text = "\n".join(c["text"] for c in content if c.get("type") == "text" and isinstance(c.get("text"), str))
    return ToolReply(result.get("isError") is True, text, result.get("structuredContent"), content)


def _is_number(value: object) -> bool:
    """Whether arithmetic with it is safe: JSON knows 1e999, and integers of any length."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LONGEST_NUMBER
