"""Many jobs at once, in literal histories: each is judged by itself, and the first does not wait for all the others."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest

from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Size
from tests.harness.checkers.histories import (
    ALL,
    INVALID,
    KILL,
    PASS,
    Event,
    boot,
    connect,
    effects,
    end,
    fail,
    history,
    landed,
    output,
    progress,
    stalled,
    submit,
    verdict,
)

OTHERS = range(1, 8)
SMALL = Size(4, 2)


def of(number: int, *events: list[Event]) -> list[Event]:
    """What the first client could have done, done by one of the crowd for its own job."""
    found = [replace(event, process=f"second-{number}-0") for event in chain(*events)]
    return [replace(event, task=f"u{number}") if event.task else event for event in found]


def whole(number: int) -> str:
    """The output of one of them: every other one has a smaller job."""
    return ALL[:4] if number % 2 else ALL


def run(
    *behind: list[Event], first: int = 2, gives: dict[int, str] | None = None, ends: list[Event] | None = None
) -> History:
    """All have asked, the server is killed, and the others end; then comes what comes of the first one."""
    gives = {number: whole(number) for number in OTHERS} | (gives or {})
    expect = [Event("second", Type.OK, Op.EXPECT, {"records": [[key, key] for key in whole(1)]})]
    before = (boot(), connect(), submit(), progress(first), *(of(n, connect(), submit()) for n in OTHERS))
    done = (of(n, progress(len(whole(n))), output(gives[n], count=len(gives[n]))) for n in OTHERS)
    return history(
        [expect, *before, landed(KILL), boot(), connect(), *done, *behind, ends or end()],
        faults=[KILL],
        companion=Companion.CROWD,
        second=SMALL,
    )


LEDGER = {"t": ALL, **{f"u{n}": whole(n) for n in OTHERS}}
FAIR = (progress(6), output(ALL))


def ended_fairly(gives: dict[int, str] | None = None, **ledger: str) -> History:
    """The first one has been done before the others were."""
    told = run(effects(0, **{**LEDGER, **ledger}), first=6, gives=gives)
    first = list(chain(output(ALL)))
    at = next(i for i, o in enumerate(told.operations) if o.op is Op.SUBMIT and o.process.startswith("second"))
    moved = replace(told.operations[0], process="client-0", type=Type.OK, op=Op.OUTPUT, value=first[0].value, task="t")
    ops = [*told.operations[:at], moved, *told.operations[at:]]
    return replace(told, operations=tuple(replace(o, i=i) for i, o in enumerate(ops)))


def test_eight_jobs_that_come_out_exactly_pass() -> None:
    assert verdict(ended_fairly()) == PASS


@pytest.mark.parametrize(
    ("gives", "invariant"),
    [({3: "abc"}, "records.lost"), ({4: "abcdeff"}, "records.duplicated"), ({1: ALL}, "records.unexpected")],
)
def test_each_of_them_is_judged_by_its_own_size_and_output(gives: dict[int, str], invariant: str) -> None:
    assert invariant in verdict(ended_fairly(gives))[1]


def test_work_is_told_apart_by_the_ledgers_names() -> None:
    assert verdict(ended_fairly(u2="abcdcdef")) == PASS, "a batch of its own was under way"
    assert verdict(ended_fairly(u2="abcdabcdef")) == fail("effects.rework")


def test_the_first_job_does_not_stand_still_until_all_others_are_done() -> None:
    assert verdict(run(*FAIR)) == fail("task.orphaned")


def test_a_job_of_which_no_work_was_seen_before_the_others_came_may_wait() -> None:
    assert verdict(run(*FAIR, first=0)) == PASS


def test_a_job_that_never_ends_is_found_beside_others_that_have() -> None:
    assert verdict(run(ends=stalled()))[0].name == "FAIL"


def test_a_server_that_refuses_most_of_them_shows_nothing() -> None:
    refused = [
        of(n, connect(), submit()[:1], [Event("", Type.FAIL, Op.OUTPUT, {"reason": "refused"}, "t")]) for n in OTHERS
    ]
    told = history(
        [boot(), connect(), submit(), progress(2), *refused, landed(KILL), boot(), connect(), *FAIR, end()],
        faults=[KILL],
        companion=Companion.CROWD,
    )
    assert verdict(told) == INVALID


def test_one_id_for_two_jobs_is_found() -> None:
    told = ended_fairly()
    same = [replace(o, task="u1") if o.task == "u3" else o for o in told.operations]
    assert "task.identity" in verdict(replace(told, operations=tuple(same)))[1]
