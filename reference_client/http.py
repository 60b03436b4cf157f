"""HTTP as this client wants it: every failure belongs to the request that it befell, and every answer has a bound.

The SDK ends a whole connection when one request cannot be sent, and tells no HTTP status. Here a failure to send, and a
status that is no answer of MCP, become a JSON-RPC error to the very request, which says what happened in its ``data``.
So does a body that is larger than ``MOST_BYTES``: it is read here, since the SDK would read it to its end. Of a stream
of events it is the single event, or a line without an end, that has this bound; there the SDK counts.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from typing import Any

import httpx2
import mcp_types as mt
from mcp.shared.exceptions import MCPError

from reference_client.errors import (
    Broken,
    ClientError,
    Denied,
    Interrupted,
    NotFound,
    Refused,
    SessionLost,
    TimedOut,
    TooLarge,
    Unreachable,
    UsageError,
)
from reference_client.text import shown

MOST_BYTES = 16 << 20
_TOO_LARGE = f"the server's answer is larger than {MOST_BYTES >> 20} MiB"
_TOO_LARGE_WORDS = f"exceeded the {MOST_BYTES} byte limit"  # the SDK's, of an event
_MARK = "mcp-crashtest-client"
_CODE = -32099
_CONNECT_S = 5.0
_WRITE_S = 30.0
_CONNECTIONS = 100
_OF_THE_WIRE = ("content-encoding", "content-length", "transfer-encoding")
_LOST_WORDS = ("session not found", "session terminated", "missing session id", "no valid session")
_NOT_FOUND_CODES = (mt.INVALID_PARAMS, -32002)
_KINDS: dict[str, type[ClientError]] = {
    kind.__name__: kind for kind in (Unreachable, Broken, TimedOut, SessionLost, Denied, UsageError, Refused, TooLarge)
}


class Http(httpx2.AsyncClient):
    """An HTTP client that sends the token, if there is one, and answers failures with JSON-RPC errors.

    ``silence_s``: how long a stream may be silent. ``interruptions`` counts the exchanges that were cut.
    """

    def __init__(self, url: str, token: str | None, silence_s: float, on_session: Callable[[str], object]) -> None:
        super().__init__(
            verify=trusted(url),
            headers={"Authorization": f"Bearer {token}"} if token else None,
            timeout=httpx2.Timeout(_CONNECT_S, read=silence_s, write=_WRITE_S),
            limits=httpx2.Limits(max_connections=_CONNECTIONS),
        )
        self._on_session = on_session
        self.interruptions = 0

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request; what fails comes back as an answer."""
        try:
            response = await super().send(request, **options)
            kind = _refusal(request, response)
            if kind is None and _is_read_whole(request, response):
                response = await _whole(request, response)
        except TooLarge as error:
            return _failed(request, TooLarge, str(error))
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            return self._cut(request, Unreachable, f"the server does not accept connections ({shown(error)})")
        except httpx2.TimeoutException:
            return self._cut(request, TimedOut, "the server is silent")
        except httpx2.TransportError as error:
            return self._cut(request, Broken, f"the connection ended ({shown(error) or type(error).__name__})")
        if session_id := response.headers.get("mcp-session-id"):
            self._on_session(session_id)
        if kind:
            await response.aclose()
            return _failed(request, kind, f"{request.url.path} is answered with HTTP status {response.status_code}")
        return response

    def _cut(self, request: httpx2.Request, kind: type[Interrupted], message: str) -> httpx2.Response:
        self.interruptions += 1
        return _failed(request, kind, message)


def _is_read_whole(request: httpx2.Request, response: httpx2.Response) -> bool:
    """Whether the SDK would read the body to its end: not a stream of events, nor that of what is merely accepted."""
    if request.method == "DELETE" or response.has_redirect_location:
        return True
    events = response.headers.get("content-type", "").lower().startswith("text/event-stream")
    return response.status_code != 202 and not events


async def _whole(request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
    """The response with its body, unpacked; raises TooLarge, and leaves the connection, where it has no bound."""
    body = bytearray()
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MOST_BYTES:
                raise TooLarge(_TOO_LARGE)
    finally:
        await response.aclose()
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_THE_WIRE]
    whole = httpx2.Response(response.status_code, headers=headers, content=bytes(body), request=request)
    whole.next_request = response.next_request
    return whole


def trusted(url: str) -> ssl.SSLContext | bool:
    """Whose certificates are believed: nobody's where none will be seen, the system's else, which takes longer to read.

    None will be seen over http with a port of its own. At http's own port the SDK follows a redirect to https.
    """
    to = httpx2.URL(url)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if to.scheme == "http" and to.port is not None else True


def _failed(request: httpx2.Request, kind: type[ClientError], message: str) -> httpx2.Response:
    """An answer of ours to a request that has none."""
    error = {"code": _CODE, "message": message, "data": {_MARK: kind.__name__}}
    body = {"jsonrpc": "2.0", "id": 0, "error": error}
    return httpx2.Response(
        502, request=request, headers={"content-type": "application/json"}, content=json.dumps(body).encode()
    )


def _refusal(request: httpx2.Request, response: httpx2.Response) -> type[ClientError] | None:
    """What an HTTP status means that is no answer of MCP; None for all that the SDK may read."""
    status = response.status_code
    if status in (401, 403):
        return Denied
    if status == 404 and "mcp-session-id" in request.headers:
        return SessionLost
    if status == 404 and not response.headers.get("content-type", "").startswith("application/json"):
        return UsageError  # nothing is there: the URL is not that of an MCP server
    if status >= 500 or status in (408, 425, 429):
        return Broken
    return None


def failure(error: MCPError, *, asks_for_a_thing: bool = False) -> ClientError:
    """What an error of the SDK means. ``asks_for_a_thing``: the request names a task or resource."""
    message = shown(error.message)
    if isinstance(error.data, dict) and error.data.get(_MARK) in _KINDS:
        return _KINDS[error.data[_MARK]](message)
    if error.code == mt.CONNECTION_CLOSED and _TOO_LARGE_WORDS in message:
        return TooLarge(_TOO_LARGE)
    if error.code == mt.CONNECTION_CLOSED:
        return Broken(f"the connection ended ({message})")
    if error.code == mt.REQUEST_TIMEOUT:
        return TimedOut(message)
    if error.code == mt.INVALID_REQUEST and any(words in message.lower() for words in _LOST_WORDS):
        return SessionLost(message)
    if asks_for_a_thing and (error.code in _NOT_FOUND_CODES or "not found" in message.lower()):
        return NotFound(message, error.code)
    return Refused(message, error.code)
