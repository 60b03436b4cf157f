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

from harness.wire import messages
from harness.wire.errors import (
    Broken,
    DeadlineExceeded,
    HttpError,
    ProtocolViolation,
    RpcError,
    SessionLost,
    WireError,
)
from harness.wire.http import Address, Exchange
from harness.wire.messages import HANDSHAKE, STATELESS, Message
from harness.wire.sse import EventStream

_LONGEST_EVENT_BYTES = 1 << 26
_SHOWN = 300
_LEAVING_S = 2.0
_PAGES = 1000
_METHOD_NOT_FOUND = -32601
_SESSION_NOT_FOUND = -32600
_UNSUPPORTED_PROTOCOL = -32022

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


@dataclass(slots=True)
class Session:
    """One conversation. ``session_id`` is None in the stateless era."""

    address: Address
    protocol: str
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    on_message: OnMessage | None = None
    server_info: Mapping[str, Any] = field(default_factory=dict)
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    session_id: str | None = None
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _exchanges: set[Exchange] = field(default_factory=set)
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
    ) -> Session:
        """Begin a conversation; ``protocol`` None asks the server. Raises WireError."""
        address = Address.of(url)
        async with _deadline(deadline_s):
            if protocol is None:
                session = cls(address, STATELESS, headers or {}, on_message)
                try:
                    await session._discover()
                except (RpcError, HttpError, ProtocolViolation, SessionLost):
                    protocol = HANDSHAKE
                else:
                    return session
            session = cls(address, protocol, headers or {}, on_message)
            if messages.is_stateless(protocol):
                await session._discover()
            else:
                await session._initialize()
            return session

    async def _discover(self) -> None:
        result = await self._request("server/discover", {})
        supported = result.get("supportedVersions")
        if isinstance(supported, list) and self.protocol not in supported:
            raise RpcError(_UNSUPPORTED_PROTOCOL, f"the server speaks {supported}, not {self.protocol}")
        self._introduce(result)

    async def _initialize(self) -> None:
        asked = {"protocolVersion": self.protocol, "capabilities": {}, "clientInfo": messages.CLIENT}
        result = await self._request("initialize", asked)
        if result.get("protocolVersion") != self.protocol:
            raise RpcError(
                _UNSUPPORTED_PROTOCOL, f"the server speaks {result.get('protocolVersion')!r}, not {self.protocol}"
            )
        self._introduce(result)
        await self._notify("notifications/initialized")

    def _introduce(self, result: Mapping[str, Any]) -> None:
        meta = result.get("_meta")
        info = result.get("serverInfo") or (meta or {}).get("io.modelcontextprotocol/serverInfo")
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
                    total = told.get("total")
                    on_progress(told["progress"], total if _is_number(total) else None, told.get("message"))
            elif message["method"] == "notifications/message" and on_log:
                on_log(told)

        async with _deadline(deadline_s):
            return _tool_reply(await self._request("tools/call", params, heard))

    async def read_resource(self, uri: str, *, deadline_s: float) -> str:
        """The text of a resource. Raises WireError."""
        async with _deadline(deadline_s):
            result = await self._request("resources/read", {"uri": uri})
        contents = result.get("contents")
        for content in contents if isinstance(contents, list) else ():
            if isinstance(content, dict) and isinstance(content.get("text"), str):
                return str(content["text"])
        raise ProtocolViolation(f"the resource {uri!r} has no text")

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
                if not isinstance(page, list):
                    raise ProtocolViolation(f"the answer to {method} has no list {key!r}")
                found += page
                if not result.get("nextCursor"):
                    return found
                cursor = {"cursor": result["nextCursor"]}
        raise ProtocolViolation(f"{method} did not end within {_PAGES} pages")

    async def close(self) -> None:
        """Leave as a polite client does: delete the session where there is one, then let go. Never raises WireError."""
        if self.session_id is not None and not self._aborted:
            headers = messages.headers(self.protocol, {}, self.session_id)
            with suppress(WireError, TimeoutError):
                async with asyncio.timeout(_LEAVING_S), self._exchange("DELETE", headers, b""):
                    pass
        self.abort()

    def abort(self) -> None:
        """Drop every connection at once and without a word; a pending call raises Broken."""
        self._aborted = True
        for exchange in tuple(self._exchanges):
            exchange.abort()

    # --- one message

    async def _notify(self, method: str) -> None:
        await self._post(messages.notification(method))

    async def _post(self, message: Message) -> None:
        """Send a message to which no message answers."""
        headers = messages.headers(self.protocol, message, self.session_id)
        async with self._exchange("POST", headers, self._sent(message)) as exchange:
            body = await exchange.text()
            if exchange.status >= 400:
                raise self._refused(exchange.status, body)

    async def _request(
        self, method: str, params: Mapping[str, Any], heard: Callable[[Message], None] | None = None
    ) -> Mapping[str, Any]:
        message = messages.request(self.protocol, next(self._ids), method, params)
        headers = messages.headers(self.protocol, message, self.session_id)
        async with self._exchange("POST", headers, self._sent(message)) as exchange:
            if exchange.headers.get("content-type", "").startswith("text/event-stream") and exchange.status < 400:
                answer = await self._streamed(exchange, message["id"], heard)
            else:
                answer = self._whole(exchange.status, await exchange.text())
            if method == "initialize":
                self.session_id = exchange.headers.get("mcp-session-id")
        return self._result(answer, message["id"])

    @asynccontextmanager
    async def _exchange(self, method: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator[Exchange]:
        if self._aborted:
            raise Broken("the connection was dropped by this side")
        exchange = Exchange(self.address)
        self._exchanges.add(exchange)
        try:
            await exchange.send(method, {**headers, **self.extra_headers}, body)
            yield exchange
        finally:
            self._exchanges.discard(exchange)
            exchange.close()

    async def _streamed(self, exchange: Exchange, id_: int, heard: Callable[[Message], None] | None) -> Message:
        stream = EventStream(_LONGEST_EVENT_BYTES)
        async for chunk in exchange.body():
            for data in stream.feed(chunk):
                if not data:
                    continue
                message = self._received(data)
                if "method" not in message:
                    if message.get("id") == id_:
                        return message
                elif "id" in message:
                    await self._post(_answer_to(message))
                elif heard:
                    heard(message)
        raise Broken("the stream ended without the answer")

    def _whole(self, status: int, body: bytes) -> Message:
        if status >= 400:
            raise self._refused(status, body)
        return self._received(body)

    def _refused(self, status: int, body: bytes) -> WireError:
        """What an HTTP error means: a lost session, a JSON-RPC error, or just that."""
        shown = body[:_SHOWN].decode("utf-8", errors="replace")
        if status == 404 and self.session_id is not None:
            return SessionLost(shown)
        with suppress(ProtocolViolation):
            error = messages.decode(body).get("error")
            if isinstance(error, dict):
                return self._error(error)
        return HttpError(status, shown)

    def _error(self, error: Mapping[str, Any]) -> WireError:
        code, text = error.get("code"), str(error.get("message"))[:_SHOWN]
        if code == _SESSION_NOT_FOUND and "session" in text.lower():
            return SessionLost(text)
        return RpcError(code if isinstance(code, int) else 0, text, error.get("data"))

    def _result(self, answer: Message, id_: int) -> Mapping[str, Any]:
        if isinstance(answer.get("error"), dict):
            raise self._error(answer["error"])
        if answer.get("id") != id_:
            raise ProtocolViolation(f"the answer to request {id_} has the id {str(answer.get('id'))[:_SHOWN]!r}")
        result = answer.get("result")
        if not isinstance(result, dict):
            raise ProtocolViolation("the answer has neither a result nor an error")
        kind = result.get("resultType", "complete")
        if kind != "complete":
            raise ProtocolViolation(
                f"the answer is of the type {str(kind)[:_SHOWN]!r}, which this contract does not have"
            )
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
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except TimeoutError:
        raise DeadlineExceeded(f"no answer within {deadline_s:.3g} s") from None


def _answer_to(message: Message) -> Message:
    """Our answer to a server's request: we answer a ping, and offer nothing else."""
    if message["method"] == "ping":
        return {"jsonrpc": "2.0", "id": message["id"], "result": {}}
    refusal = {"code": _METHOD_NOT_FOUND, "message": f"the lab does not offer {str(message['method'])[:_SHOWN]}"}
    return {"jsonrpc": "2.0", "id": message["id"], "error": refusal}


def _tool_reply(result: Mapping[str, Any]) -> ToolReply:
    found = result.get("content")
    content = tuple(c for c in (found if isinstance(found, list) else ()) if isinstance(c, dict))
    text = "\n".join(c["text"] for c in content if c.get("type") == "text" and isinstance(c.get("text"), str))
    return ToolReply(result.get("isError") is True, text, result.get("structuredContent"), content)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
