"""Sessions of the handshake era, which a server has to keep: so many of one owner, and so many in all.

Whoever opens one more than that ends the one of their own that has rested longest: a session whose client went away
without a word is no loss, and a client whose session has ended opens another (404, "Session Management" in 2025-11-25).
Where all of them are in use, the answer is 503. That a session ends after a time without requests is the SDK's own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SESSION = "mcp-session-id"
_VERSION = "mcp-protocol-version"
_SERVER_BUSY = -32000


@dataclass(slots=True)
class _Session:
    owner: str
    under_way: int = 0
    rests_since: float = field(default_factory=time.monotonic)


class Sessions:
    """ASGI: in front of what serves the protocol, behind what knows who asks."""

    def __init__(self, app: ASGIApp, *, most: int, most_of_owner: int, idle_s: float) -> None:
        self._app = app
        self._most = most
        self._most_of_owner = most_of_owner
        self._idle_s = idle_s
        self._sessions: dict[str, _Session] = {}
        self._opening: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, owner = Headers(scope=scope), _owner(scope)
        session = self._sessions.get(headers.get(_SESSION, ""))
        if session is not None and session.owner == owner:
            with _using(session):
                await self._app(scope, receive, send)
            if scope["method"] == "DELETE":
                self._sessions.pop(headers[_SESSION], None)
        elif scope["method"] == "POST" and _opens(headers):
            await self._open(owner, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _open(self, owner: str, scope: Scope, receive: Receive, send: Send) -> None:
        while self._is_full(owner):
            resting = self._longest_resting(owner)
            if resting is None:
                await _busy(self._most_of_owner)(scope, receive, send)
                return
            del self._sessions[resting]
            await self._end(resting, scope)
        self._opening.append(owner)
        try:
            await self._opened(owner, scope, receive, send)
        finally:
            self._opening.remove(owner)

    async def _opened(self, owner: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the first request of a session, and note the session once its answer names it."""
        session = _Session(owner)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                name = Headers(raw=message["headers"]).get(_SESSION)
                if name:
                    self._sessions[name] = session
            await send(message)

        with _using(session):
            await self._app(scope, receive, noting)

    def _is_full(self, owner: str) -> bool:
        ended = time.monotonic() - self._idle_s
        for name in [name for name, s in self._sessions.items() if not s.under_way and s.rests_since < ended]:
            del self._sessions[name]
        own = self._opening.count(owner) + sum(session.owner == owner for session in self._sessions.values())
        return own >= self._most_of_owner or len(self._opening) + len(self._sessions) >= self._most

    def _longest_resting(self, owner: str) -> str | None:
        resting = [(s.rests_since, name) for name, s in self._sessions.items() if s.owner == owner and not s.under_way]
        return min(resting)[1] if resting else None

    async def _end(self, name: str, scope: Scope) -> None:
        """What its client would ask for: DELETE, by the same owner."""
        who = [(key, value) for key, value in scope["headers"] if key == b"authorization"]
        headers = [*who, (_SESSION.encode(), name.encode())]

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(_: Message) -> None:
            """Nobody has asked."""

        await self._app({**scope, "method": "DELETE", "headers": headers}, receive, send)


@contextmanager
def _using(session: _Session) -> Iterator[None]:
    session.under_way += 1
    try:
        yield
    finally:
        session.under_way -= 1
        session.rests_since = time.monotonic()


def _opens(headers: Headers) -> bool:
    """Whether a request without a session is one that the SDK opens a session for."""
    return _SESSION not in headers and headers.get(_VERSION, HANDSHAKE_PROTOCOL_VERSIONS[-1]) in (
        HANDSHAKE_PROTOCOL_VERSIONS
    )


def _owner(scope: Scope) -> str:
    user = scope.get("user")
    if not isinstance(user, AuthenticatedUser):
        return ""
    return str(user.access_token.subject or user.access_token.client_id)


def _busy(most: int) -> JSONResponse:
    message = f"all of your sessions are in use, and {most} are the most: end one, or ask without a session"
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": _SERVER_BUSY, "message": message}}
    return JSONResponse(body, status_code=503)
