"""A scenario's summary: nothing that one of its runs has shown is left out, and each is shown by its smallest plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.summing_up import Told, summary
from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Finding, Verdict
from tests.harness.laying import LOST

ONCE = Plan("kills", "2026-07-28", (Fault("kill", Victim.SERVER, Batch(1, thousandths=400)),))
TWICE = replace(ONCE, faults=(*ONCE.faults, Fault("kill", Victim.SERVER, Batch(2, thousandths=400))))
TOLD = Told("kills", "subject", 2, "it is killed", 3)


def outcome(plan: Plan, *invariants: str) -> Outcome:
    found = tuple(Finding(name, f"{name} by {len(plan.faults)}") for name in invariants)
    return Outcome(plan, replace(judge(LOST), findings=found, unproven=()), RunFolder(Path("runs", "kills", "0001")))


def test_every_invariant_is_shown_by_the_smallest_plan_that_broke_it() -> None:
    runs = [outcome(TWICE, "records.lost", "task.duplicated"), outcome(ONCE, "task.duplicated"), outcome(ONCE)]
    told = summary(TOLD, runs, Verdict.FAIL, "", 0)
    assert [(one["invariant"], one["message"]) for one in told["findings"]] == [
        ("records.lost", "records.lost by 2"),
        ("task.duplicated", "task.duplicated by 1"),
    ]
    assert [one["seen"] for one in told["findings"]] == [{"runs": 1, "of": 3}, {"runs": 2, "of": 3}]
    assert told["broken"] == ["records.lost", "task.duplicated"]


def test_what_passed_has_no_findings() -> None:
    assert summary(TOLD, [outcome(ONCE)], Verdict.PASS, "", 0)["findings"] == []
