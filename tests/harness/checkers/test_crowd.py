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
FAIR = (progress(4), progress(6), output(ALL))


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


def test_a_job_that_went_on_meanwhile_and_was_not_looked_at_has_not_stood_still() -> None:
    assert verdict(run(progress(6), output(ALL))) == PASS


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


# --- three clients

SMALLEST = Size(2, 2)
PRINCIPALS = ("ada", "bob", "cyd")


def own(number: int) -> str:
    """The output of a job of one of three clients, each of which has another size of job."""
    return (ALL, ALL[:4], ALL[:2])[number % 3]


def of_three(*, slow: int | None = None, gives: dict[int, str] | None = None, named: str = "u{}") -> History:
    """Eight jobs by turns of three clients: all have begun and go on over a kill; ``slow`` when all have ended."""
    expects = [
        Event(name, Type.OK, Op.EXPECT, {"records": [[key, key] for key in own(number)]})
        for number, name in ((1, "second"), (2, "second-third"))
    ]

    def job(number: int, *events: list[Event]) -> list[Event]:
        done = of(number, *events) if number else list(chain(*events))
        whose = {"principal": PRINCIPALS[number % 3]}
        told = [replace(e, task=named.format(number)) if e.task else e for e in done]
        return [replace(e, value={**e.value, **whose}) if e.op in (Op.SUBMIT, Op.OUTPUT) else e for e in told]

    def shown(number: int) -> str:
        return (gives or {}).get(number, own(number))

    everybody = range(8)
    begin = (job(n, connect(), submit(), progress(1)) for n in everybody)
    moves = (job(n, progress(len(own(n)))) for n in everybody if n != slow)
    ends = (job(n, output(shown(n), count=len(shown(n)))) for n in everybody if n != slow)
    steps = range(2, len(own(slow or 0)) + 1, 2)
    last = [job(slow, *map(progress, steps), output(own(slow)))] if slow is not None else []
    return history(
        [expects, boot(), *begin, landed(KILL), boot(), *moves, *ends, *last, end()],
        faults=[KILL],
        companion=Companion.CROWD,
        second=SMALL,
        third=SMALLEST,
    )


def test_eight_jobs_of_three_clients_pass() -> None:
    assert verdict(of_three(named="a4c1{}f0e9d7b2468ace13579bdf")) == PASS


@pytest.mark.parametrize(
    ("number", "given", "invariant"), [(2, "abcd", "unexpected"), (4, "ab", "lost"), (6, "aa", "")]
)
def test_each_clients_jobs_are_judged_by_its_own_size(number: int, given: str, invariant: str) -> None:
    named = "a4c1{}f0e9d7b2468ace13579bdf"
    assert f"records.{invariant or 'lost'}" in verdict(of_three(gives={number: given}, named=named))[1]


@pytest.mark.parametrize(("slow", "starved"), [(0, True), (3, True), (6, False)])
def test_no_job_stands_still_until_the_many_behind_it_are_done(slow: int, starved: bool) -> None:
    """Behind the seventh one more was asked for: that is no crowd that went before it."""
    found = verdict(of_three(slow=slow, named="a4c1{}f0e9d7b2468ace13579bdf"))
    assert found == (fail("task.orphaned") if starved else PASS)


def test_among_principals_a_name_that_can_be_guessed_is_found() -> None:
    assert "task.identity" in verdict(of_three(named="job-{}"))[1]
