"""Requests of users, begun one after the other and in turns between users: who asks ten thousand things waits for them.

To begin a request takes the most of its time in the event loop. So there is one that begins, until its answer does, or
until it has had so much time that it must be waiting for something, as a call for its task or a stream for news does;
then it is another user's turn. One who has many under way, and nobody beside them, leaves as much time as they take:
so whoever comes then need not wait. Of one user so many are under way, and what is more is told to come again (429),
after a moment: who asks again as soon as they are refused would have the server do nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference_server.rota import Rota, counted

_BEGINNING_S = 0.02
_MANY = 32
_MOMENT_S = 0.5
_MOST_REFUSED_LATER = 100


class Shares:
    """ASGI: in front of everything. Users are told apart by their tokens, which others look at more closely."""

    def __init__(self, app: ASGIApp, most_of_owner: int) -> None:
        self._app = app
        self._most_of_owner = most_of_owner
        self._rota: Rota[tuple[str, asyncio.Future[None]]] = Rota()
        self._under_way: Counter[str] = Counter()
        self._begins = ""
        self._begun_at = 0.0
        self._pause: asyncio.TimerHandle | None = None
        self._refused_later = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        owner = _owner(scope)
        if not owner:
            await self._app(scope, receive, send)
            return
        if self._under_way[owner] >= self._most_of_owner:
            await self._refuse(scope, receive, send)
            return
        with counted(self._under_way, owner):
            await self._turn(owner)
            await self._begin(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = f"{self._most_of_owner} of your requests are under way, which is the most: try again later\n"
        refusal = PlainTextResponse(text, 429, {"retry-after": "1", "connection": "close"})
        if self._refused_later < _MOST_REFUSED_LATER:
            self._refused_later += 1
            try:
                await asyncio.sleep(_MOMENT_S)
            finally:
                self._refused_later -= 1
        await refusal(scope, receive, send)

    async def _turn(self, owner: str) -> None:
        """Wait until it is this owner's turn; it is over with ``_pass_on``."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rota.put(owner, (owner, mine))
        if not self._begins or (self._pause and owner != self._begins):
            self._next()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on()
            raise

    async def _begin(self, scope: Scope, receive: Receive, send: Send) -> None:
        over = False

        def begun() -> None:
            nonlocal over
            if not over:
                over = True
                self._pass_on()

        async def answering(message: Message) -> None:
            begun()
            await send(message)

        late = asyncio.get_running_loop().call_later(_BEGINNING_S, begun)
        try:
            await self._app(scope, receive, answering)
        finally:
            late.cancel()
            begun()

    def _pass_on(self) -> None:
        """It is the next one's turn: at once, or after a pause where the same owner has many and is alone."""
        loop = asyncio.get_running_loop()
        alone = len(self._rota) == 1 and self._under_way[self._begins] > _MANY
        if alone:
            self._pause = loop.call_later(min(loop.time() - self._begun_at, _BEGINNING_S), self._next)
        else:
            self._next()

    def _next(self) -> None:
        if self._pause:
            self._pause.cancel()
            self._pause = None
        while len(self._rota):
            owner, following = self._rota.take(served=self._begins)
            if not following.done():
                self._begins, self._begun_at = owner, asyncio.get_running_loop().time()
                following.set_result(None)
                return
        self._begins = ""


def _owner(scope: Scope) -> str:
    """Who asks, as far as it is known before anybody has looked at the token; nobody where there is none."""
    if scope["type"] != "http":
        return ""
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return hashlib.sha256(given).hexdigest() if given else ""
