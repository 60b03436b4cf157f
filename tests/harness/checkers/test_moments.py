"""A fault that fell late is counted, and changes no verdict."""

from __future__ import annotations

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.coordinates import Batch, Moment, Since
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.verdict import Verdict
from tests.harness.checkers.histories import Event, boot, end, history, output, progress, submit


def fell(fault: Fault, done: float, offset: int | None, *, lives: int = 1) -> int:
    """What is counted of a fault that fell there; batches are of two records."""
    told = {**fault.to_json(), "fault": str(fault), "done": done, "kills": 1, "reason": "killed"}
    told |= {} if offset is None else {"offset": offset}
    landed = [Event("nemesis", type_, Op.FAULT, told) for type_ in (Type.INVOKE, Type.OK)]
    events = [*[boot()] * lives, submit(), progress(1), landed, boot(), output("abcdef"), end()]
    judgement = judge(history(events, faults=[fault]))
    assert judgement.verdict is Verdict.PASS
    assert judgement.to_json().get("late", 0) == judgement.late
    return judgement.late


SECOND_BATCH = Fault("kill", Victim.SERVER, Batch(2, thousandths=300))


@pytest.mark.parametrize(("done", "offset", "late"), [(2, 310, 0), (2, 790, 0), (2, 999, 1), (4, 0, 1), (0, 999, 0)])
def test_half_a_batch_behind_its_place_is_late(done: float, offset: int, late: int) -> None:
    assert fell(SECOND_BATCH, done, offset) == late


def test_where_nobody_knows_where_it_fell_or_was_to_fall_nothing_is_counted() -> None:
    assert fell(SECOND_BATCH, 4, None) == 0
    assert fell(Fault("kill", Victim.SERVER, Moment(100, Since.START)), 4, 500) == 0
    assert fell(SECOND_BATCH, 4, 500, lives=2) == 0, "a later life is waited for"
