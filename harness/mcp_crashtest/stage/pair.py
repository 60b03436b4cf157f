"""Two servers on one store: which of them the client speaks to, and what becomes of either.

Each has an address of its own, and the client one of them. Where the other one refuses to live beside the first, or
stops because it was replaced, that is no flaw; where it was the client's own, the client goes over to the one that
lives. What both of them make of the job is judged by what comes of it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp_crashtest.model.faults import Victim
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.process import Exit

if TYPE_CHECKING:
    from mcp_crashtest.stage.stage import Stage

_LAB, _OUTPUT = "lab", "output"
_PATIENCE = 0.8  # of the time for which nothing may move
_LOOKING_S = 0.05
_LONGEST_WORDS = 2000
TOOK_OVER, REFUSED, WAITS, STOPPED = "took over", "refused", "waits", "stopped"


@dataclass(slots=True)
class Pair:
    """``own`` is the one that the client speaks to, ``other`` the one beside it: neither is blamed for its end.

    ``moved``: some life of the pair has shown that it works.
    """

    stage: Stage
    own: Life
    other: Life
    moved: bool = False
    refused: bool = False
    _executed: int = field(default=0)
    _began_at: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """Neither end is a surprise from now on, and both are waited for."""
        self.own.expected_to_end = self.other.expected_to_end = True
        self._executed = self._executions()
        self.stage.watch(self._watch())

    async def works(self, batches: float) -> bool:
        """Wait until so many batches were done, one of the two has refused, or there was time enough.

        Whether they were done; also where the whole job was.
        """
        workload = self.stage.site.workload
        mark = min(self.stage.client.done + batches * workload.batch, workload.records)
        over_at = time.monotonic() + _PATIENCE * self.stage.limits.silence_s
        while not self.moved and not self.refused and time.monotonic() < over_at:
            done = self._executions() - self._executed
            self.moved = self.stage.client.passed(mark) or done >= batches * workload.batch
            if self.moved or not await self.stage.until_time(time.monotonic() + _LOOKING_S):
                break
        self.moved |= self.stage.ended == _OUTPUT and not self.refused
        return self.moved

    async def answers(self, rest_s: float) -> bool:
        """Whether the one that the client speaks to has taken it in, or does so within so many seconds.

        True also where one of the two has ended, or the run is over: then there is nobody to go over to.
        """
        over_at = time.monotonic() + rest_s
        while self._both_live and (self.stage.client.connected_at or 0.0) < self._began_at:
            if time.monotonic() >= over_at:
                return False
            if not await self.stage.until_time(time.monotonic() + _LOOKING_S):
                break
        return True

    @property
    def _both_live(self) -> bool:
        return self.own.exited is None and self.other.exited is None

    def change_over(self) -> None:
        """The client goes over to the other one, which lives: its own only waits."""
        self._present(self.other)
        self.own, self.other = self.other, self.own

    def _present(self, life: Life) -> None:
        """This is the run's server from now on, and whoever is started speaks to it."""
        self.stage.lives.remove(life)
        self.stage.lives.append(life)
        self.stage.site.change_door()

    def _executions(self) -> int:
        return self.stage.executions().get("executions", 0)

    def note(self, what: str, life: Life, ended: Exit | None = None) -> None:
        """Write down what became of one of them."""
        value: dict[str, Any] = {"what": what, "life": life.number}
        value["elapsed_s"] = round(time.monotonic() - self._began_at, 6)
        if ended:
            value |= {"how": str(ended), "last_words": self.stage.site.log_tail_of(life.number)[-_LONGEST_WORDS:]}
        self.stage.write(_LAB, Type.OK, Op.BESIDE, value)

    async def _watch(self) -> None:
        """Wait for the first end; the one that is left is alone, and its end would be its own."""
        ends = {asyncio.create_task(life.wait_exit(self.stage.limits.total_s)): life for life in (self.own, self.other)}
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in ends:
                waiting.cancel()
        first = min((ends[one] for one in done), key=lambda life: life is self.own)
        left = self.other if first is self.own else self.own
        self.note(STOPPED if self.moved else REFUSED, first, first.exited)
        self.refused |= not self.moved
        if left.exited is not None:
            await self.stage.boot()  # as whoever runs two of them would do
            await move_client(self.stage)
            return
        if left is self.other:
            self._present(left)
            await move_client(self.stage)
        left.expected_to_end = False
        self.stage.stir()


async def move_client(stage: Stage) -> None:
    """The client loses its server, and its next life speaks to the one at the present address."""
    if stage.client.living is None:
        return
    async with stage.striking(Victim.CLIENT) as victims:
        for victim in victims:
            await victim.kill()
    await stage.client.struck()
    if not stage.over:
        await stage.client.start()
