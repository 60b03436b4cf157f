"""When faults fell against when they were planned: a lab that has to wait for a processor strikes late.

That changes no verdict. It says that fewer places were tried than the plans name.
"""

from __future__ import annotations

from mcp_crashtest.model.operation import History, Op, Operation, Type

_LATE = 0.5  # of a batch
_THOUSAND = 1000
_FIRST_LIFE = 1


def late(history: History) -> int:
    """How many faults fell more than half a batch behind their place.

    In the first life alone: a later one is waited for until it has done something new, wherever that is.
    """
    return sum(_is_late(history, fault) for fault in history.of(Op.FAULT, types=[Type.OK]))


def _is_late(history: History, fault: Operation) -> bool:
    at, offset, done = (fault.value.get(name) for name in ("at", "offset", "done"))
    if fault.life != _FIRST_LIFE or at is None or at.get("thousandths") is None or "number" not in at:
        return False
    if offset is None or done is None:
        return False
    planned = at["number"] - 1 + at["thousandths"] / _THOUSAND
    fell = done / history.header.workload["batch"] + offset / _THOUSAND
    return bool(fell - planned > _LATE)
