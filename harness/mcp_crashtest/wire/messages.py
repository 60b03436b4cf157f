"""JSON-RPC messages and headers of both protocol eras, pure.

From revision 2026-07-28 every request stands for itself: its ``_meta`` names the revision, the client and its
capabilities, and headers repeat method and name (basic/transports, "Standard headers"). Before that, ``initialize``
opens a session whose id travels in ``Mcp-Session-Id``.

Not here: ``Mcp-Param-*`` headers, which a tool may ask for by ``x-mcp-header`` in its input schema. A server that does
so answers with a header mismatch (-32020).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_crashtest import __version__
from mcp_crashtest.wire.errors import ProtocolViolation, RpcError, SessionLost, WireError, shown

STATELESS = "2026-07-28"
HANDSHAKE = "2025-11-25"
MARKED = 1_999_000_000
"""Where the numbers of marked requests begin: fits into 31 bits, and stands in nothing else that is said."""
SUPPORTED = (STATELESS, HANDSHAKE, "2025-06-18", "2025-03-26")
SUPPORTED_ON_STDIO = (*SUPPORTED, "2024-11-05")  # over HTTP that one has HTTP+SSE, another transport
METHOD_NOT_FOUND = -32601
_INVALID_REQUEST = -32600
CLIENT = {"name": "mcp-crashtest", "version": __version__}
_META = "io.modelcontextprotocol/"
TASKS = "io.modelcontextprotocol/tasks"
_NAMED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
_SENTINEL = ("=?base64?", "?=")

Message = dict[str, Any]


@dataclass(slots=True)
class Numbers:
    """What a session's requests are called, counted from 1; ``latest`` is the one that was taken last."""

    latest: int = 0

    def take(self) -> int:
        """The next one."""
        self.latest += 1
        return self.latest


def is_stateless(protocol: str) -> bool:
    """Whether the revision is of the era without sessions."""
    return protocol >= STATELESS


def request(
    protocol: str, id_: int, method: str, params: Mapping[str, Any], extensions: tuple[str, ...] = ()
) -> Message:
    """A request; ``params`` may hold a ``_meta`` of its own. ``extensions`` are those that this client declares."""
    filled = dict(params)
    if is_stateless(protocol):
        filled["_meta"] = {
            **filled.get("_meta", {}),
            f"{_META}protocolVersion": protocol,
            f"{_META}clientInfo": CLIENT,
            f"{_META}clientCapabilities": {"extensions": {name: {} for name in extensions}} if extensions else {},
        }
    return {"jsonrpc": "2.0", "id": id_, "method": method, "params": filled}


def log_level(level: str) -> dict[str, Any]:
    """The ``_meta`` that asks for log messages during this request (stateless era)."""
    return {f"{_META}logLevel": level}


def notification(method: str) -> Message:
    """A notification without parameters."""
    return {"jsonrpc": "2.0", "method": method}


def headers(protocol: str, message: Mapping[str, Any], session_id: str | None) -> dict[str, str]:
    """The headers of the POST that carries this message."""
    found = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    method = message.get("method", "")
    if method != "initialize":
        found["MCP-Protocol-Version"] = protocol
    if session_id is not None:
        found["Mcp-Session-Id"] = session_id
    if is_stateless(protocol):
        found["Mcp-Method"] = method
        name = message.get("params", {}).get(_NAMED.get(method, ""))
        if isinstance(name, str):
            found["Mcp-Name"] = header_value(name)
    return found


def header_value(text: str) -> str:
    """Text that survives in a header: as it is, or in the sentinel form ``=?base64?...?=``."""
    begin, end = _SENTINEL
    plain = text.isascii() and text.isprintable() and text == text.strip() and not text.startswith(begin)
    encoded = base64.b64encode(text.encode("utf-8", errors="replace")).decode()
    return text if plain else f"{begin}{encoded}{end}"


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as UTF-8 JSON; a lone surrogate becomes its escape. Raises ValueError for NaN and infinity."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", errors="backslashreplace")


def decode(text: str | bytes) -> Message:
    """A request, notification or response from JSON; raises ProtocolViolation for anything else."""
    try:
        message = json.loads(text if isinstance(text, str) else text.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ProtocolViolation(f"expected a JSON-RPC message, found: {shown(text)}") from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise ProtocolViolation(f"expected a JSON-RPC 2.0 object, found: {shown(text)}")
    if not isinstance(message.get("method", ""), str) or message.keys().isdisjoint(("method", "result", "error")):
        raise ProtocolViolation(f"expected a method, a result or an error, found: {shown(text)}")
    return message


def mark_of(message: Message) -> int:
    """What is to be added to another number of a request, so that it is marked as its own is."""
    number = message.get("id")
    return MARKED if isinstance(number, int) and number >= MARKED else 0


def unmarked(number: int) -> int:
    """The number of a request without its mark."""
    return number - MARKED if number >= MARKED else number


def answers(message: Message, id_: int) -> bool:
    """Whether the message is a response to our request: true and 1.0 are not the id 1."""
    return "method" not in message and type(message.get("id")) is int and message["id"] == id_


def failure(error: Mapping[str, Any], *, in_session: bool) -> WireError:
    """What a JSON-RPC error says; within a session it may be that the session is lost."""
    code, text = error.get("code"), str(error.get("message"))
    if code == _INVALID_REQUEST and in_session and "session" in text.lower():
        return SessionLost(shown(text))
    return RpcError(code if isinstance(code, int) else 0, text, error.get("data"))


def result_in(answer: Message, id_: int, *, in_session: bool) -> Message:
    """The result in the response to our request. Raises RpcError, SessionLost or ProtocolViolation.

    An error without an id is an answer to it too: the server could not read our request.
    """
    error, result = answer.get("error"), answer.get("result")
    if isinstance(error, dict) and answer.get("id") is None:
        raise failure(error, in_session=in_session)
    if not answers(answer, id_):
        raise ProtocolViolation(f"the answer to request {id_} is that to {shown(answer.get('id'))}")
    if isinstance(error, dict):
        raise failure(error, in_session=in_session)
    if not isinstance(result, dict):
        raise ProtocolViolation("the answer has neither a result nor an error")
    return result


def answer_to(message: Message) -> Message:
    """Our answer to a server's request: we answer a ping, and offer nothing else."""
    if message["method"] == "ping":
        return {"jsonrpc": "2.0", "id": message["id"], "result": {}}
    refusal = {"code": METHOD_NOT_FOUND, "message": f"the lab does not offer {shown(message['method'])}"}
    return {"jsonrpc": "2.0", "id": message["id"], "error": refusal}


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
