"""What the lab sees of a client under test through its relay: a witness that writes the history and holds back.

It knows two kinds of requests: the submission, which is the call of the profile's tool, and questions about a task that
the server has named in an answer to one. Armed with a coordinate, it says when the conversation is there, and lets
nothing pass any more; whoever armed it then kills somebody and cuts the connections.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.contracts.catalogue import CONTRACTS
from mcp_crashtest.contracts.contract import Contract
from mcp_crashtest.contracts.ended import says_the_end
from mcp_crashtest.model.coordinates import Coordinate, Window, WindowName
from mcp_crashtest.model.operation import Op, Type, name_of
from mcp_crashtest.model.paths import find
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.text import excerpt, fingerprint
from mcp_crashtest.wire.relay import Exchange

_LET_THROUGH = (WindowName.ANSWERED, WindowName.ENDED)  # the client has been told

Write = Callable[[Type, Op, Mapping[str, Any], str | None], object]


@dataclass(slots=True)
class Witness:
    """A witness of one run. ``write`` takes its events, for whichever client lives; ``stir`` is called at each change.

    ``first_answer`` is called when another life of the server has answered for the first time.
    ``reached``: the conversation is at the window that was armed; ``spoke_at`` is this life's first word.
    """

    profile: Profile
    write: Write
    stir: Callable[[], object]
    first_answer: Callable[[], object] = lambda: None
    reached: bool = False
    tasks: dict[str, str] = field(default_factory=dict)
    spoke_at: float | None = None
    _armed: Window | None = None
    _count: int = 0
    _noted: set[tuple[Type, str]] = field(default_factory=set)
    _unheard: bool = True

    def arm(self, at: Coordinate | None) -> None:
        """Await this window from now on; at any other coordinate, or None, let everything pass."""
        self._armed, self._count, self.reached = at if isinstance(at, Window) else None, 0, False

    def another_server(self) -> None:
        """The server is started: the first question and answer about each task are news."""
        self._noted.clear()
        self._unheard = True

    def another_life(self) -> None:
        """A client is started: its first word too is news."""
        self.spoke_at = None
        self._noted.clear()

    # --- the relay's witness

    async def asked(self, exchange: Exchange) -> None:
        """Note a submission before the server knows of it, and a life's first question about each task."""
        if self.spoke_at is None:
            self.spoke_at = time.monotonic()
            self.stir()
        submits, task = self._submits(exchange), self._task_of(exchange)
        if task is not None:
            self._note(Type.INVOKE, task)
        if task is not None or (submits and self._blocking):
            await self._pass(WindowName.ASKING)
        if submits:
            arguments = exchange.params.get("arguments")
            value = {"tool": self.profile.contract.tool, "request": fingerprint(arguments)}
            self.write(Type.INVOKE, Op.SUBMIT, value, None)

    async def answering(self, exchange: Exchange, answer: dict[str, Any]) -> None:
        """Hold an answer to a submission back where it is to get lost."""
        if self._unheard:
            self._unheard = False
            self.first_answer()
        if not self._submits(exchange):
            return
        handle = self._handle(answer)
        if handle is not None:
            self.tasks.setdefault(name_of(handle), handle)
        if self._armed and self._armed.name is WindowName.UNANSWERED:
            exchange.answered = True  # by the server
            self.write(Type.INFO, Op.SUBMIT, {"error": "the answer was lost on its way"}, handle)
            await self._pass(WindowName.UNANSWERED)

    async def answered(self, exchange: Exchange, answer: dict[str, Any]) -> None:
        """Note what the client has been told."""
        task = self._task_of(exchange)
        if self._submits(exchange):
            refusal = self._refusal(answer)
            value = {} if refusal is None else {"error": excerpt(refusal)}
            self.write(Type.OK if refusal is None else Type.FAIL, Op.SUBMIT, value, self._handle(answer))
            await self._pass(WindowName.ANSWERED)
            if refusal is None and self._blocking:
                await self._pass(WindowName.ENDED)
        elif task is not None:
            self._note(Type.OK, task)
            if says_the_end(answer.get("result"), self.profile.observe):
                await self._pass(WindowName.ENDED)

    async def broken(self, exchange: Exchange) -> None:
        """A submission was cut off."""
        if self._submits(exchange):
            self.write(Type.INFO, Op.SUBMIT, {"error": "cut off"}, None)

    # --- within

    @property
    def _blocking(self) -> bool:
        return self.profile.contract.kind.blocking

    @property
    def _contract(self) -> Contract:
        return CONTRACTS[self.profile.contract.kind]

    def _note(self, type_: Type, task: str) -> None:
        if (type_, task) not in self._noted:
            self._noted.add((type_, task))
            self.write(type_, Op.STATUS, {}, task)

    async def _pass(self, window: WindowName) -> None:
        """Let it pass, unless this is what is awaited: then nothing of this kind passes before the cut."""
        if self._armed is None or self._armed.name is not window:
            return
        self._count += 1
        if self._count >= self._armed.number:
            self.reached = True
            self.stir()
            if window not in _LET_THROUGH:
                self.write(Type.OK, Op.RELAY, {"what": "held", "window": window}, None)
                await asyncio.Event().wait()

    def _submits(self, exchange: Exchange) -> bool:
        return exchange.method == "tools/call" and exchange.params.get("name") == self.profile.contract.tool

    def _task_of(self, exchange: Exchange) -> str | None:
        """The task that a request is about: its name stands in the request."""
        if not exchange.params or not self.tasks or self._submits(exchange):
            return None
        text = json.dumps({k: v for k, v in exchange.params.items() if k != "_meta"})
        return next((handle for name, handle in self.tasks.items() if name in text), None)

    def _handle(self, answer: Mapping[str, Any]) -> str | None:
        """The task that an answer to a submission names; a blocking tool names none."""
        result = answer.get("result")
        return self._contract.handle_in(result, self.profile.observe) if isinstance(result, dict) else None

    def _refusal(self, answer: Mapping[str, Any]) -> str | None:
        if "error" in answer:
            return str(find(answer, "$.error.message"))
        result = answer.get("result")
        return self._contract.refusal(result if isinstance(result, dict) else {})
