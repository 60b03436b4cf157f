"""From a history to a judgement: what proves nothing is INVALID, and nothing masks a FAIL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mcp_crashtest.checkers.judge import CHECKERS, judge
from mcp_crashtest.model.operation import History, Type
from mcp_crashtest.model.verdict import Finding, Verdict
from tests.harness.checkers.histories import (
    INVALID,
    KILL,
    KILL_BOTH,
    KILL_CLIENT,
    PASS,
    TERMINATE,
    boot,
    connect,
    end,
    fail,
    failed,
    fault,
    history,
    landed,
    output,
    progress,
    refused,
    stalled,
    status,
    submit,
    verdict,
)

DONE = (output("abcdef", 6), end())
RUN = (boot(), submit(), progress(2))


def crash(_: History) -> Iterator[Finding]:
    raise RuntimeError("no idea")


def half(_: History) -> Iterator[Finding]:
    yield Finding("records.lost", "one")
    raise RuntimeError("no idea")


def test_a_run_whose_faults_all_landed_passes() -> None:
    assert verdict(history([*RUN, landed(KILL), boot(), *DONE], faults=[KILL])) == PASS


def test_a_run_that_was_over_before_its_fault_proves_nothing() -> None:
    judgement = judge(history([*RUN, *DONE], faults=[KILL]))
    assert judgement.verdict is Verdict.INVALID
    assert judgement.unproven == ("kill server at batch 1, observed: the run was over before this fault could land",)
    assert not judgement.refused


def test_where_it_was_over_at_the_first_look_it_is_asked_whether_it_was_done_before() -> None:
    judgement = judge(history([boot(), submit(), progress(6), *DONE], faults=[KILL]))
    assert judgement.verdict is Verdict.INVALID
    assert "this fault could land, at the first look: was this job done by an earlier run?" in judgement.unproven[0]
    assert "[subject] reset" in judgement.unproven[0]


def test_where_one_fault_landed_the_run_is_judged_on_it_and_says_how_many_came_too_late() -> None:
    second = fault(TERMINATE.kind, TERMINATE.victim, batch=2)
    judgement = judge(history([*RUN, landed(KILL), boot(), *DONE], faults=[KILL, second]))
    assert (judgement.verdict, judgement.unproven) == (Verdict.PASS, ())
    assert (judgement.confirmed, judgement.planned) == (1, 2)


def test_where_of_two_faults_none_landed_the_first_is_named() -> None:
    second = fault(TERMINATE.kind, TERMINATE.victim, batch=2)
    judgement = judge(history([*RUN, *DONE], faults=[KILL, second]))
    assert judgement.unproven == ("kill server at batch 1, observed: the run was over before this fault could land",)


def test_a_later_fault_that_was_refused_makes_the_run_invalid_although_one_landed() -> None:
    events = [*RUN, landed(KILL), boot(), refused(TERMINATE), *DONE]
    assert verdict(history(events, faults=[KILL, TERMINATE])) == INVALID


@pytest.mark.parametrize("type_", [Type.FAIL, Type.INFO])
def test_a_fault_that_could_not_be_proven_makes_the_run_invalid_for_good(type_: Type) -> None:
    judgement = judge(history([*RUN, refused(KILL, type_), *DONE], faults=[KILL]))
    assert judgement.verdict is Verdict.INVALID
    assert judgement.refused
    assert judgement.confirmed == 0
    assert judgement.unproven == ("kill server at batch 1, observed: it lives on",)


def test_a_fault_that_was_begun_and_never_reported_did_not_land() -> None:
    assert verdict(history([*RUN, landed(KILL)[:1], *DONE], faults=[KILL])) == INVALID


def test_a_history_without_an_end_proves_nothing() -> None:
    judgement = judge(history([*RUN, DONE[0]]))
    assert judgement.verdict is Verdict.INVALID
    assert judgement.unproven == ("the history has no end: the run was broken off",)


def test_a_history_of_nothing_proves_nothing() -> None:
    assert verdict(history([])) == INVALID


def test_a_run_that_ended_without_an_output_proves_nothing() -> None:
    judgement = judge(history([*RUN, end("client deadline")]))
    assert judgement.verdict is Verdict.INVALID
    assert judgement.unproven == ("the run ended without an output: client deadline",)


def test_a_run_that_stalled_before_its_fault_proves_nothing() -> None:
    assert verdict(history([*RUN, status("running"), stalled()], faults=[KILL])) == INVALID


def test_a_violation_is_not_masked_by_a_fault_that_did_not_land() -> None:
    lost = [*RUN, output("abcde", 6), end()]
    assert verdict(history(lost, faults=[KILL])) == fail("records.lost")


def test_a_violation_is_not_masked_by_a_refused_fault_and_a_missing_end() -> None:
    events = [*RUN, refused(KILL), connect(), progress(1), DONE[0]]
    assert verdict(history(events, faults=[KILL])) == fail("progress.regressed")


@pytest.mark.parametrize("name", CHECKERS)
def test_a_checker_that_crashes_makes_a_good_run_invalid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHECKERS, name, crash)
    judgement = judge(history([*RUN, *DONE]))
    assert judgement.verdict is Verdict.INVALID
    assert judgement.unproven == (f"the {name} checker could not read this history: RuntimeError('no idea')",)


def test_what_the_other_checkers_found_stays_when_one_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHECKERS, "records", crash)
    judgement = judge(history([*RUN, connect(), progress(1), *DONE]))
    assert judgement.verdict is Verdict.FAIL
    assert [f.invariant for f in judgement.findings] == ["progress.regressed"]
    assert len(judgement.unproven) == 1


def test_what_a_checker_found_before_it_crashed_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHECKERS, "recovery", half)
    assert verdict(history([*RUN, *DONE])) == fail("records.lost")


def test_events_that_no_checker_can_read_make_the_run_invalid() -> None:
    nonsense = [replace(progress(2)[0], value={"done": "two"})]
    assert verdict(history([*RUN, nonsense, *DONE])) == INVALID
    without_reason = [replace(end()[0], value={})]
    assert verdict(history([*RUN, DONE[0], without_reason])) == INVALID
    assert verdict(history([*RUN, without_reason])) == INVALID


def test_confirmed_counts_faults_and_kills_counts_processes() -> None:
    faults = [KILL, KILL_BOTH, TERMINATE, KILL_CLIENT]
    kills = [1, 2, 0, 1]
    hit = [event for done, n in zip(faults, kills, strict=True) for event in (landed(done, n), boot())]
    judgement = judge(history([boot(), submit(), *hit, *DONE], faults=faults))
    assert (judgement.verdict, judgement.confirmed, judgement.kills) == (Verdict.PASS, 4, 4)


def test_a_fault_that_was_refused_counts_no_kill() -> None:
    judgement = judge(history([*RUN, landed(KILL), boot(), refused(KILL), *DONE], faults=[KILL, KILL]))
    assert (judgement.verdict, judgement.confirmed, judgement.kills) == (Verdict.INVALID, 1, 1)


def test_the_same_history_always_gets_the_same_judgement() -> None:
    judged = history([*RUN, landed(KILL), boot(), failed(), end()], faults=[KILL])
    assert judge(judged) == judge(judged) == judge(History.from_lines(judged.to_lines()))
