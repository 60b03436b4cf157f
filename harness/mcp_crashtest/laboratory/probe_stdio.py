"""The probe of a server on stdio: each revision is asked for in a life of its own, as a host would.

A server introduces itself once in a life, and some end at a message that they do not know. The first life has as long
as a start may take; what one revision comes to after that says nothing of the others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from mcp_crashtest.laboratory.silence import Silent, why_ended, why_speechless
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.subjects.launchers import left_behind
from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.subject import Subject
from mcp_crashtest.wire.errors import DeadlineExceeded, WireError
from mcp_crashtest.wire.messages import HANDSHAKE
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.stdio import Pipes, Stdio

_OTHERS_S = 2.0  # how long the others may take at least, once one life has answered
_PATIENCE = 4  # or so many times as long as that life took
_MOST_STRAYS = 5

T = TypeVar("T")
Ask = Callable[[Session, float], Awaitable[T]]


@dataclass(slots=True)
class Asking:
    """Asks one subject; ``strays`` are the first lines on its standard output that were no messages."""

    subject: Subject
    strays: list[str] = field(default_factory=list)
    _answered_s: float | None = None

    async def ask(self, protocol: str, ask: Ask[T]) -> T:
        """What a new life answers in this revision. Raises WireError where it does not speak it.

        Raises SubjectError where the first life ends without an answer, Silent where it says nothing.
        """
        began = time.monotonic()
        ready_s = self.subject.ready_deadline_s
        if self._answered_s is not None:
            ready_s = min(ready_s, max(_OTHERS_S, _PATIENCE * self._answered_s))
        life = await self.subject.boot()
        pipes = await Pipes.over(self.subject.take_streams(), self._stray)
        try:
            answer = await self._answer(protocol, pipes, ready_s, ask)
            self._answered_s = self._answered_s or time.monotonic() - began
            return answer
        except DeadlineExceeded as error:
            if self._answered_s is None:
                raise Silent(await asyncio.to_thread(why_speechless, self.subject, life, self.strays)) from error
            raise
        except WireError as error:
            await self._refuse_ended(life, pipes, began + ready_s, error)
            raise
        finally:
            if not (await life.kill()).confirmed:
                await self.subject.spawner.sweep(self.subject.started)
            pipes.abort()

    async def _answer(self, protocol: str, pipes: Pipes, ready_s: float, ask: Ask[T]) -> T:
        began = time.monotonic()
        session = await Session.over(Stdio(pipes), protocol=protocol, deadline_s=ready_s)
        return await ask(session, max(ready_s - (time.monotonic() - began), _OTHERS_S))

    async def _refuse_ended(self, life: Life, pipes: Pipes, deadline: float, error: WireError) -> None:
        """Where nothing has ever answered, and the first life has ended, that is what is said."""
        if pipes.ended.is_set():
            with suppress(TimeoutError):  # what it wrote last is in its log when it has ended
                await life.wait_exit(_OTHERS_S)
        elif self._answered_s is None:
            self._answered_s = _OTHERS_S  # it has answered, if not what was hoped for
        if self._answered_s is None and life.exited is not None:
            if left := await left_behind(life, deadline):
                raise SubjectError(left) from error
            raise SubjectError(await why_ended(self.subject, life, deadline, self.strays)) from error

    def _stray(self, text: str) -> None:
        if len(self.strays) < _MOST_STRAYS:
            self.strays.append(text)


def in_order(protocols: tuple[str, ...]) -> tuple[str, ...]:
    """The revision first that most servers speak: with it the first life shows whether it answers at all."""
    return tuple(sorted(protocols, key=lambda protocol: protocol != HANDSHAKE))
