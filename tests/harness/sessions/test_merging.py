"""Shards put together: a scenario is judged by all of its runs, and whatever a shard left open is said of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.model.events import RunPlayed, RunsPlanned, TrialEnded
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.proof import NOTHING_RESTARTED
from mcp_crashtest.model.shard import ELSEWHERE, Shard
from mcp_crashtest.model.standing import Standing
from mcp_crashtest.model.verdict import Finding, Judgement, Verdict
from mcp_crashtest.reporting.stars import Selection
from mcp_crashtest.reporting.tally import Tally, unplayed
from mcp_crashtest.sessions.merging import Report, merged

PASSED = Judgement((), (), 1, (0.1,), 1, offsets=(50,))
NOT_LANDED = Judgement((), ("kill server: the run was over before this fault could land",), 0)
DRAINED = Judgement((), (f"terminate server: {NOTHING_RESTARTED}",), 0)
LOST = Judgement((Finding("records.lost", "record 3 is gone"),), (), 1, kills=1)
KILLS = "killed-in-a-row"


def shard(
    number: int, *runs: str, of: int = 2, planned: int | None = None, finished: bool = True, **said: Any
) -> Report:
    """What a shard leaves that has played these runs of one scenario; ``said`` are changes of its summary."""
    tally = Tally(Selection(2, shard=Shard(number, of)), seed=0)
    if runs or planned:
        tally(RunsPlanned("subject", KILLS, len(runs) if planned is None else planned))
    for name in runs:
        tally(RunPlayed("subject", KILLS, 1, "", "", "PASS", 1, 1, f"somewhere/{name}"))
    summary = {**unplayed(KILLS, "subject", 2, Verdict.PASS, ""), "plans": 9, "runs": len(runs), "late_looks": 1}
    subject = {"digest": "d", "budget": said.pop("budget", "core")}
    tally(TrialEnded({**summary, "applies": True, "error": None, "subject": subject, **said}))
    tally.finished = finished
    return Report(Bundle(Path(f"shard-{number}")), tally.certificate(()))


def outcomes(*judgements: Judgement) -> Mapping[tuple[str, str], Sequence[Outcome]]:
    plan = Plan(KILLS, "2026-07-28", ())
    return {("subject", KILLS): [Outcome(plan, judgement, RunFolder(Path("runs/0001"))) for judgement in judgements]}


def whole(reports: Sequence[Report], *judgements: Judgement) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """The merged certificate, its one scenario, and the errors."""
    certificate, errors = merged(reports, outcomes(*judgements))
    [scenario] = certificate["scenarios"]
    return certificate, scenario, errors


def test_what_all_have_shown_is_added_up() -> None:
    certificate, scenario, errors = whole([shard(1, "0001", "0003"), shard(2, "0002")], PASSED, PASSED, PASSED)
    assert (scenario["verdict"], scenario["runs"], scenario["plans"], errors) == ("PASS", 3, 9, [])
    assert certificate["faults"] == {
        "confirmed": 3,
        "unconfirmed": 0,
        "kills": 3,
        "violation_chance_below": None,
        "fell": [3, *[0] * 9],
        "late_looks": 2,
        "late": 0,
    }
    assert certificate["recovery_s"]["p50"] == 0.1
    assert certificate["shards"] == 2
    assert "shard" not in certificate


def test_a_shard_earns_nothing_alone_and_asks_nothing() -> None:
    certificate = shard(1, "0001").certificate
    assert certificate["verdict"] == "PASS"
    assert [(one["earned"], one["asked"]) for one in certificate["stars"]] == [(0, 0)]


def test_a_violation_in_one_shard_is_one_of_the_whole() -> None:
    reports = [shard(1, "0001", verdict="FAIL"), shard(2, "0002")]
    certificate, scenario, _ = whole(reports, PASSED, LOST)
    assert (certificate["verdict"], scenario["verdict"]) == ("FAIL", "FAIL")
    assert [finding["invariant"] for finding in certificate["findings"]] == ["records.lost"]


def test_a_violation_is_masked_by_no_error() -> None:
    broken = shard(2, "0002", verdict="INVALID", reason="the lab failed", error="harness")
    assert whole([shard(1, "0001", verdict="FAIL"), broken], LOST)[1]["verdict"] == "FAIL"


def test_a_shard_that_says_fail_without_a_run_that_shows_it_is_not_believed() -> None:
    with pytest.raises(HarnessError, match="none of its runs shows it"):
        whole([shard(1, "0001", verdict="FAIL"), shard(2, "0002")], PASSED, PASSED)


def test_what_is_too_much_for_a_shard_need_not_be_for_all() -> None:
    runs = [f"{n:04d}" for n in range(1, 6)]
    one = shard(1, *runs, verdict="INVALID", reason="INVALID, 1 runs prove nothing")
    assert whole([one, shard(2, *runs)], *[PASSED] * 9, NOT_LANDED)[1]["verdict"] == "PASS"


def test_what_each_shard_may_bear_may_be_too_much_for_all() -> None:
    runs = [f"{n:04d}" for n in range(1, 6)]
    _, scenario, _ = whole([shard(1, *runs), shard(2, *runs)], *[PASSED] * 8, NOT_LANDED, NOT_LANDED)
    assert scenario["verdict"] == "INVALID"
    assert "2 runs prove nothing" in scenario["reason"]


def test_plans_that_a_shard_has_given_up_are_not_passed() -> None:
    one = shard(1, "0001", planned=3, verdict="INVALID", reason="INVALID, 1 runs prove nothing: too late")
    _, scenario, _ = whole([one, shard(2, *[f"{n:04d}" for n in range(20)])], *[PASSED] * 20, NOT_LANDED)
    assert scenario["verdict"] == "INVALID"
    assert scenario["reason"] == "shard 1 of 2 has not played 2 of its plans: INVALID, 1 runs prove nothing: too late"


def test_where_other_shards_have_all_the_plans_a_shard_has_nothing_to_say() -> None:
    idle = shard(2, verdict="SKIP", reason=ELSEWHERE)
    assert whole([shard(1, "0001"), idle], PASSED)[1]["verdict"] == "PASS"


def test_a_shard_that_was_short_of_time_caps_the_whole() -> None:
    late = shard(2, "0002", planned=5, verdict="SKIP", reason="the time limit of 3 s was over", budget="fitted")
    certificate, scenario, _ = whole([shard(1, "0001"), late], PASSED, PASSED)
    assert (scenario["verdict"], scenario["reason"]) == ("SKIP", "the time limit of 3 s was over")
    assert certificate["subject"]["subject"]["budget"] == "fitted"
    assert certificate["caps"] == [f"the time limit of 3 s was over (not run: ** {KILLS} after 2 of 9 plans)"]


def test_what_ended_one_shard_ends_the_whole() -> None:
    broken = shard(2, "0002", verdict="INVALID", reason="it does not start", error="subject")
    _, scenario, errors = whole([shard(1, "0001"), broken], PASSED, PASSED)
    assert (scenario["verdict"], scenario["reason"], errors) == (
        "INVALID",
        "shard 2 of 2: it does not start",
        ["subject"],
    )


def test_a_session_that_was_interrupted_leaves_the_whole_unfinished() -> None:
    certificate, _, _ = whole([shard(1, "0001"), shard(2, "0002", finished=False)], PASSED, PASSED)
    assert (certificate["finished"], certificate["verdict"]) == (False, "INVALID")


def test_a_shard_that_never_came_to_a_scenario_has_not_passed_it() -> None:
    interrupted = shard(2, "0002", id="undisturbed", level=1, finished=False)
    certificate, _ = merged([shard(1, "0001"), interrupted], outcomes(PASSED))
    verdicts = {scenario["id"]: scenario["reason"] for scenario in certificate["scenarios"]}
    assert verdicts[KILLS] == "shard 2 of 2 has not come to it"


def test_a_server_that_does_its_job_before_it_stops_must_have_been_restarted_in_one_shard() -> None:
    idle: dict[str, Any] = {
        "verdict": "SKIP",
        "reason": "this server does all of its job",
        "standing": Standing.NOT_APPLICABLE,
    }
    reports = [shard(1, "0001"), shard(2, "0002", **idle)]
    assert whole(reports, PASSED, DRAINED)[1]["verdict"] == "PASS"
    _, scenario, _ = whole([shard(1, "0001", **idle), shard(2, "0002", **idle)], DRAINED, DRAINED)
    assert (scenario["verdict"], scenario["applies"]) == ("SKIP", False)


def test_what_makes_no_sense_for_the_subject_is_not_applicable_to_the_whole() -> None:
    senseless: dict[str, Any] = {
        "verdict": "SKIP",
        "reason": "it names no services",
        "standing": Standing.NOT_APPLICABLE,
    }
    certificate, scenario, _ = whole([shard(n, applies=False, **senseless) for n in (1, 2)])
    assert (scenario["verdict"], scenario["applies"]) == ("SKIP", False)
    assert certificate["not_applicable"] == [f"it names no services (not run: ** {KILLS})"]
