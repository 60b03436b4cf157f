"""What can go wrong on the wire, by who is to blame and by what may have happened.

All text that comes from the subject passes ``shown`` before it stands in an error: it is bounded, and nothing in it can
steer a terminal.
"""

from __future__ import annotations

from typing import Any

from mcp_crashtest.model.secrets import masked

_SHOWN = 300
_MORE = 4096  # so that no secret is cut in two, and half of it shown


def shown(text: object) -> str:
    """A subject's text or bytes, bounded, with everything unprintable spelled out."""
    if isinstance(text, bytes | bytearray):
        text = bytes(text[: 4 * _SHOWN + _MORE]).decode("utf-8", errors="backslashreplace")
    whole = masked(str(text))
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in whole[:_SHOWN])
    return plain if len(whole) <= _SHOWN else f"{plain} ..."


class WireError(Exception):
    """The root of all errors of an exchange. What they say holds no secret."""

    def __str__(self) -> str:
        return masked(super().__str__())


class Unreachable(WireError):
    """Nobody accepts a connection: the request was not sent."""


class Broken(WireError):
    """The connection ended in the middle of an exchange: the request may or may not have taken effect."""


class DeadlineExceeded(WireError):
    """No answer in time: the request may or may not have taken effect."""


class HttpError(WireError):
    """An HTTP status that is not an MCP answer; ``retry_after_s`` is the pause that the server asks for."""

    def __init__(self, status: int, body: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"HTTP status {status}: {shown(body)}")
        self.status = status
        self.retry_after_s = retry_after_s


class SessionLost(WireError):
    """The server does not know the session any more (handshake era): a new one must be opened."""


class ProtocolViolation(WireError):
    """What came is not HTTP, not JSON-RPC, not MCP, or beyond all bounds."""


class Unsupported(ProtocolViolation):
    """A valid answer of a kind that the caller did not offer to understand, such as a task or a request for input."""


class NoTask(WireError):
    """The tool answered, and not with a task; ``refused`` if what it said is an error."""

    def __init__(self, text: str, *, refused: bool) -> None:
        super().__init__(shown(text))
        self.refused = refused


class RpcError(WireError):
    """The server answered with a JSON-RPC error. ``data`` is the subject's, as it came."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{shown(message)} ({code})")
        self.code = code
        self.message = shown(message)
        self.data = data
