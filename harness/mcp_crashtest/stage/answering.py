"""A task that asks its client for something is given it, in every run: what is asked for is not what is on trial.

Where a plan says when it is answered, nobody else answers before.
"""

from __future__ import annotations

import time
from contextlib import suppress

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.offers import ANSWER, ASKS
from mcp_crashtest.model.operation import Op, Operation, Type
from mcp_crashtest.stage.operator import Operator
from mcp_crashtest.stage.stage import Stage
from mcp_crashtest.wire.errors import WireError

_PAUSE_S = 0.05
_BATCHES, _SHORTEST_S, _LONGEST_S = 2, 0.5, 3.0


class Answering:
    """Watches one client's task, and has the operator answer."""

    def __init__(self, stage: Stage, operator: Operator) -> None:
        self.asks = False
        self._stage = stage
        self._operator = operator
        self._at_it = False
        self._given: tuple[float, int] | None = None  # when it was last given something, and in which life

    def saw(self, operation: Operation) -> bool:
        """An event of the client's; whether it shows that its task has just begun to ask."""
        if operation.type is not Type.OK or operation.op not in (Op.STATUS, Op.ANSWER):
            return False
        if operation.op is Op.ANSWER:
            self._given = (time.monotonic(), operation.life)
            return False
        before, self.asks = self.asks, operation.value["status"] == ASKS
        if self.asks and not self._at_it:
            self._at_it = True
            self._stage.watch(self._answer())
        return self.asks and not before

    async def _answer(self) -> None:
        contract = self._operator.subject.profile.contract
        if not contract.offers(ANSWER):
            self._stage.failure = UsageError(
                f"the task asks its client for something (its status is {ASKS!r}), and nobody has said how it is "
                f'given: say [contract] answer = {{ tool = "...", arguments = {{ ... }} }}, in which {{handle}} is the '
                f"task"
            )
            self._stage.stir()
            return
        asked_at = time.monotonic()
        try:
            while self.asks and not self._stage.over:
                if not self._is_held and time.monotonic() >= self._again_at(asked_at):
                    with suppress(WireError):
                        await self._operator.answer()
                await self._stage.until_time(time.monotonic() + _PAUSE_S)
        except UsageError as error:
            self._stage.failure = error
            self._stage.stir()
        finally:
            self._at_it = False

    def _again_at(self, asked_at: float) -> float:
        """From when on it is answered: who was given something may take his time to show it, also in a new life."""
        patience_s = min(max(_BATCHES * self._stage.pace.batch_s, _SHORTEST_S), _LONGEST_S)
        if self._given is None:
            return asked_at
        given_at, life = self._given
        if given_at > asked_at:
            return given_at + patience_s
        return asked_at + patience_s if life < len(self._stage.lives) else asked_at

    @property
    def _is_held(self) -> bool:
        """Whether the plan has an answer that is still to come."""
        return any(fault.kind == ANSWER for fault in self._stage.plan.faults[self._stage.landed :])
