"""From a history to a judgement: all checkers, and the proof that every planned fault landed.

A checker that crashes makes the run INVALID; it is never taken for a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.checkers import lifecycle, progress, records, recovery
from harness.model.operation import History, Op, Type
from harness.model.plan import Plan
from harness.model.verdict import Finding, Judgement

Checker = Callable[[History], Iterable[Finding]]

CHECKERS: dict[str, Checker] = {
    "records": records.check,
    "progress": progress.check,
    "lifecycle": lifecycle.check,
    "recovery": recovery.check,
}


def judge(history: History) -> Judgement:
    """Judge one run. The same history always gets the same judgement."""
    findings: list[Finding] = []
    unproven: list[str] = []
    for name, checker in CHECKERS.items():
        try:
            findings.extend(checker(history))
        except Exception as error:  # a checker that crashes must not hide what the others found
            unproven.append(f"the {name} checker could not read this history: {error!r}")
    unproven.extend(_unproven(history))
    landed = list(history.of(Op.FAULT, types=[Type.OK]))
    return Judgement(
        findings=tuple(findings),
        unproven=tuple(unproven),
        confirmed=len(landed),
        recoveries_s=tuple(recovery.recoveries_s(history)),
        kills=sum(o.value.get("kills", 0) for o in landed),
        refused=any(True for _ in history.of(Op.FAULT, types=[Type.FAIL, Type.INFO])),
    )


def _unproven(history: History) -> Iterable[str]:
    planned = Plan.from_json(history.header.plan).faults
    landed = sum(1 for _ in history.of(Op.FAULT, types=[Type.OK]))
    refused = list(history.of(Op.FAULT, types=[Type.FAIL, Type.INFO]))
    for fault in refused:
        yield f"{fault.value.get('fault')}: {fault.value.get('reason')}"
    if not refused and landed < len(planned):
        yield f"{planned[landed]}: the run was over before this fault could land"
    if not any(True for _ in history.of(Op.END)):
        yield "the history has no end: the run was broken off"
    elif not any(True for _ in history.of(Op.OUTPUT)) and not any(
        o.value["reason"] == "stalled" for o in history.of(Op.END)
    ):
        yield f"the run ended without an output: {[o.value['reason'] for o in history.of(Op.END)][-1]}"
