"""A system call has failed: a job may say so, or come out exactly; it does not say completed otherwise."""

from __future__ import annotations

from typing import Any

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.faults import FAIL, Victim
from mcp_crashtest.model.operation import History, Op, Type
from tests.harness.checkers.histories import (
    KILL,
    PASS,
    Event,
    boot,
    connect,
    effects,
    end,
    fail,
    failed,
    fault,
    history,
    landed,
    output,
    progress,
    stalled,
    status,
    submit,
    verdict,
)

BROKEN = fault(FAIL, Victim.SERVER)
RESTARTED = [Event("server", Type.INFO, Op.OUTAGE, {"what": "exit", "how": "exit code 1"})]


def run(*seen: list[Event], done: Any = BROKEN) -> History:
    before = (boot(), connect(), submit(), progress(2), landed(done, kills=0))
    return history([*before, *seen, end()], faults=[done])


def test_a_job_may_fail_and_say_so_and_after_a_kill_it_may_not() -> None:
    assert verdict(run(status("failed"), failed("failed"))) == PASS
    assert verdict(run(boot(), connect(), status("failed"), failed("failed"), done=KILL)) == fail("records.lost")


def test_a_job_may_come_out_exactly_also_over_ends_of_its_server() -> None:
    assert verdict(run(progress(6), output("abcdef"), effects(0, t="abcdef"))) == PASS
    again = effects(1, t="abcdcdcdef")
    assert verdict(run(RESTARTED, boot(), connect(), progress(6), output("abcdef"), again)) == PASS


def test_a_batch_is_done_again_once_for_the_call_and_once_for_each_end() -> None:
    again = effects(1, t="abcdcdcdef")
    assert verdict(run(progress(6), output("abcdef"), again)) == fail("effects.rework")


def test_completed_with_less_is_no_failure_that_was_told() -> None:
    assert verdict(run(progress(6), output("abef"))) == fail("records.lost")


def advice(*seen: list[Event], done: Any = BROKEN) -> list[str | None]:
    before = (boot(), connect(), submit(), progress(2), landed(done, kills=0))
    findings = judge(history([*before, *seen, stalled()], faults=[done])).findings
    assert {finding.invariant for finding in findings} == {"recovery.deadline"}
    return [finding.advice for finding in findings]


def test_a_job_that_stops_at_a_failed_call_and_says_nothing_is_advised_to_say_so() -> None:
    assert ["No life has ended" in str(said) for said in advice()] == [True]
    assert ["No life has ended" in str(said) for said in advice(RESTARTED, boot())] == [False]
    frozen = fault("freeze", Victim.SERVER)
    assert ["No life has ended" in str(said) for said in advice(done=frozen)] == [False]
