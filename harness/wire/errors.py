"""What can go wrong on the wire, by who is to blame and by what may have happened."""

from __future__ import annotations

from typing import Any


class WireError(Exception):
    """The root of all errors of an exchange."""


class Unreachable(WireError):
    """Nobody accepts a connection: the request was not sent."""


class Broken(WireError):
    """The connection ended in the middle of an exchange: the request may or may not have taken effect."""


class DeadlineExceeded(WireError):
    """No answer in time: the request may or may not have taken effect."""


class HttpError(WireError):
    """An HTTP status that is not an MCP answer."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"HTTP status {status}: {body}")
        self.status = status


class SessionLost(WireError):
    """The server does not know the session any more (handshake era): a new one must be opened."""


class ProtocolViolation(WireError):
    """What came is not HTTP, not JSON-RPC, not MCP, or beyond all bounds."""


class RpcError(WireError):
    """The server answered with a JSON-RPC error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.data = data
