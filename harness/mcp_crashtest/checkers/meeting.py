"""Two lives at once over stdio: whether they can have met at the job at all.

A new process may take longer to start than the old one needs for the rest of the job. Then nobody was there to do it
again, and a server that works on beside its successor looks like one that does not.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcp_crashtest.checkers.outputs import is_piped
from mcp_crashtest.model.faults import OVERLAP
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.proof import NOTHING_MET

_COMPLETED = "completed"


def unproven(history: History) -> Iterator[str]:
    """Of a run whose only meeting was none: the new life's first word is that the job is done."""
    landed = list(history.of(Op.FAULT, types=[Type.OK]))
    if not is_piped(history) or not landed or any(fault.value["kind"] != OVERLAP for fault in landed):
        return
    if all(_has_missed(history, fault.life) for fault in landed):
        yield f"{landed[0].value.get('fault')}: {NOTHING_MET}"


def _has_missed(history: History, life: int) -> bool:
    """Whether the first status that was seen in this life says that the job is done."""
    first = next((o for o in history.of(Op.STATUS, types=[Type.OK]) if o.life >= life), None)
    return first is not None and first.value.get("status") == _COMPLETED
