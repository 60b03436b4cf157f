"""What shows that a client's job goes on: the same for the first client, the second, and each of a crowd."""

from __future__ import annotations

from mcp_crashtest.model.operation import Op, Operation, Type

MOVES = frozenset({Op.PROGRESS, Op.OUTPUT})


class Moves:
    """A client's events, seen one after the other; ``more`` are moves beside progress and outputs."""

    def __init__(self, *more: Op) -> None:
        self._ops = MOVES | frozenset(more)
        self._status: str | None = None

    def saw(self, operation: Operation) -> bool:
        """Whether this event is a move.

        A status that is what it was is none, nor is a submission that was not taken: it may be made for ever. One that
        is refused while a job may be under way of which nobody has heard is one: for how long, its client knows.
        """
        if operation.op is Op.SUBMIT:
            return operation.type is Type.OK or bool(operation.value.get("busy"))
        if operation.op is Op.STATUS and operation.type is Type.OK:
            before, self._status = self._status, operation.value["status"]
            return before != self._status
        return operation.op in self._ops and operation.type is not Type.INVOKE
