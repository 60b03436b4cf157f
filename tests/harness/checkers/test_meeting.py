"""Two lives at once over stdio show something only where the new one came before the job was done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.faults import OVERLAP, Victim
from mcp_crashtest.model.operation import History
from mcp_crashtest.model.proof import NOTHING_MET
from mcp_crashtest.model.verdict import Verdict
from tests.harness.checkers.histories import (
    KILL,
    boot,
    effects,
    end,
    fault,
    history,
    landed,
    output,
    progress,
    status,
    submit,
)

BOTH = fault(OVERLAP, Victim.SERVER)
TOLD, PROVEN = ([event] for event in landed(BOTH, kills=0))
DONE = (status("completed"), output("abcdef"), end())
MET = (TOLD, boot(), PROVEN)


def over(history_: History, **subject: Any) -> History:
    return replace(history_, header=replace(history_.header, subject=subject))


def piped(*events: Any, faults: Any = (BOTH,)) -> tuple[Verdict, bool]:
    judged = judge(over(history([boot(), submit(), progress(2), *events], faults=faults), command="server"))
    return judged.verdict, any(NOTHING_MET in said for said in judged.unproven)


def test_a_new_life_that_finds_the_job_done_at_its_first_look_has_met_nobody() -> None:
    assert piped(*MET, *DONE) == (Verdict.INVALID, True)


def test_one_that_sees_the_job_under_way_has_met_the_old_one() -> None:
    assert piped(*MET, status("running"), progress(4), *DONE) == (Verdict.PASS, False)


def test_what_was_done_twice_is_found_all_the_same() -> None:
    twice = effects(t="abcdefcdefcdef")
    assert piped(*MET, status("completed"), output("abcdef"), twice, end())[0] is Verdict.FAIL


def test_another_fault_that_landed_is_judged_by_itself_and_so_is_a_server_at_a_port() -> None:
    assert piped(*MET, landed(KILL), boot(), *DONE, faults=(BOTH, KILL)) == (Verdict.PASS, False)
    at_a_port = over(history([boot(), submit(), progress(2), *MET, *DONE], faults=[BOTH]), command="s", url="u")
    assert judge(at_a_port).verdict is Verdict.PASS
