"""Calls that fail: which were tried, and what became of the jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mcp_crashtest.laboratory.counting import Sweep
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.errors import NotApplicable
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.planning import calls as planning

MOST = 60
"""The most calls that a star is owed to fail; they are drawn from their classes by turns."""


def fail_calls(sweep: Sweep) -> None:
    """Have calls fail, and note what was tried and what came of it; raises as ``Trial.play`` does."""
    plans = planning.failing(sweep.plan, sweep.seen, MOST)
    if not plans:
        raise NotApplicable("no call on the store was counted that could fail")
    before = len(sweep.trial.outcomes)
    try:
        sweep.trial.play(plans, core=MOST)
    finally:
        outcomes = sweep.trial.outcomes[before:]
        ways = Counter(at.fails for o in outcomes for fault in o.plan.faults if isinstance(at := fault.at, Syscall))
        ends = Counter(what for outcome in outcomes for what in _ends(outcome))
        tried = ", ".join(f"{n} {way}" for way, n in ways.items())
        came = ", ".join(f"{n} {end}" for end, n in ends.items())
        sweep.trial.notes.append(f"{sweep.trial.scenario} of {sweep.trial.bench.profile.name}: {tried}; {came}")


def _ends(outcome: Outcome) -> Iterator[str]:
    history = outcome.folder.history()
    if any(o.value.get("what") == Op.EXIT for o in history.of(Op.OUTAGE)):
        yield "ended of it and were started again"
    if any(o.value.get("status") == "completed" for o in history.of(Op.OUTPUT, types=[Type.OK])):
        yield "completed"
    elif any(True for _ in history.of(Op.OUTPUT, types=[Type.FAIL])):
        yield "said that they failed"
