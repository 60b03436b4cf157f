"""What was planned and not played is said, with the reason; what was found is said with how often it was seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.unplayed import (
    A_RUN_FAILED,
    BROKEN_OFF,
    NOTHING_PROVEN,
    OUT_OF_TIME,
    Unplayed,
    reproduced,
    why_unplayed,
)
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.model.verdict import Finding, Judgement, Verdict

LOST, TWICE = Finding("records.lost", "one is lost"), Finding("records.duplicated", "one is there twice")


def plan(batch: int) -> Plan:
    return Plan("s", "p", (Fault("kill", Victim.SERVER, Batch(batch, Phase.OBSERVED)),))


def outcome(batch: int, *findings: Finding, unproven: bool = False) -> Outcome:
    judgement = Judgement(findings, ("it did not land",) if unproven else (), 1)
    return Outcome(plan(batch), judgement, RunFolder(Path("nowhere")))


def numbers(unplayed: Unplayed) -> dict[int, str]:
    return {run["number"]: run["why"] for run in unplayed.to_json(A_RUN_FAILED).get("unplayed", ())}


def test_what_was_played_is_not_listed() -> None:
    unplayed = Unplayed()
    unplayed.asked([(1, plan(1)), (2, plan(2))])
    for number in (1, 2):
        unplayed.played(number, plan(number))
    assert unplayed.to_json(A_RUN_FAILED) == {}


def test_plans_behind_one_that_failed_and_those_that_a_budget_left_out_are_told_apart() -> None:
    unplayed = Unplayed()
    unplayed.left_out([plan(4), plan(5)], 4, "too many")
    unplayed.asked([(1, plan(1)), (2, plan(2)), (3, plan(3))])
    unplayed.played(1, plan(1))
    assert numbers(unplayed) == {2: A_RUN_FAILED, 3: A_RUN_FAILED, 4: "too many", 5: "too many"}
    first = unplayed.to_json(A_RUN_FAILED)["unplayed"][0]
    assert (first["plan"], first["at"]) == (str(plan(2)), plan(2).faults[0].to_json()["at"])


def test_one_that_was_played_in_anothers_place_is_not_listed_a_smaller_plan_of_its_number_changes_nothing() -> None:
    unplayed = Unplayed()
    unplayed.left_out([plan(2), plan(3)], 2, "too many")
    unplayed.asked([(2, plan(2))])
    unplayed.played(2, plan(2))
    unplayed.played(3, plan(9))  # while a failing plan is made smaller
    assert numbers(unplayed) == {3: "too many"}


def test_the_list_is_bounded_and_the_count_is_not() -> None:
    unplayed = Unplayed()
    unplayed.left_out([plan(1 + n) for n in range(1000)], 1, "too many")
    told = unplayed.to_json("")
    assert (len(told["unplayed"]), told["unplayed_in_all"]) == (200, 1000)


@pytest.mark.parametrize(
    ("outcomes", "cut_short", "verdict", "why"),
    [
        ([outcome(1), outcome(2, LOST)], False, Verdict.FAIL, A_RUN_FAILED),
        ([outcome(1), outcome(2, LOST)], True, Verdict.FAIL, A_RUN_FAILED),
        ([outcome(1)], True, Verdict.SKIP, OUT_OF_TIME),
        ([outcome(1, unproven=True)], False, Verdict.INVALID, NOTHING_PROVEN),
        ([outcome(1)], False, Verdict.INVALID, BROKEN_OFF),
    ],
)
def test_why_plans_are_missing(outcomes: list[Outcome], cut_short: bool, verdict: Verdict, why: str) -> None:
    assert why_unplayed(outcomes, cut_short=cut_short, verdict=verdict) == why


def test_a_finding_is_counted_among_the_runs_of_its_plan_and_among_all_and_an_invalid_run_is_no_run() -> None:
    failed = outcome(2, LOST)
    others = [outcome(1), outcome(1, TWICE), outcome(2), outcome(2, LOST, TWICE), outcome(2, unproven=True)]
    assert reproduced([*others, failed], failed, LOST) == {
        "reproduced": {"runs": 2, "of": 3},
        "seen": {"runs": 2, "of": 5},
    }
    assert reproduced([*others, failed], failed, TWICE)["seen"] == {"runs": 2, "of": 5}


def test_a_size_that_the_server_refuses_is_left_out_with_its_words_once() -> None:
    small, fits = Size(1, 1), Size(40, 10)
    sizes = [small, fits, small]
    asked = [(number, replace(plan(number), workload=size)) for number, size in enumerate(sizes, start=1)]
    unplayed = Unplayed()
    unplayed.asked(asked)
    unplayed.played(*asked[1])
    said = unplayed.refused(asked, {small: "20 at least"})
    assert said == ["it takes no job with records = 1, batch = 1: 20 at least"]
    assert numbers(unplayed) == dict.fromkeys((1, 3), "it takes no job with records = 1, batch = 1")
    beside = replace(plan(1), second=small)
    assert Unplayed().refused([(1, beside)], {small: "20 at least"}) == said
    assert Unplayed().refused([(1, plan(1))], {small: "20 at least"}) == []
