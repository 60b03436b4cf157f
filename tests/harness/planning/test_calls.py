"""Plans for kills before system calls: each call once, or a sample of every class; recoveries behind one batch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from mcp_crashtest.model.calls import ANY, ERRORS, Call, Engine, alike, on_files
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.planning.calls import Life, before_each, failing, in_both, in_recovery, origins, places, small

BASE = Plan("every-call", "2026-07-28", (), engine=Engine.PRELOAD)
BATCH = [Call("write", "ledger", 100), *[Call("pwrite", "db-wal", 4096)] * 3, Call("fdatasync", "db-wal")]
CALLS = [Call("pwrite", "db", 512), Call("answer", "answer"), *BATCH * 3]
BATCHES = [0, 0, *[n for n in (1, 2, 3) for _ in BATCH]]
STEADY = Life(CALLS, BATCHES, steady=True)


def at_of(plan: Plan) -> Syscall:
    [fault] = plan.faults
    assert isinstance(fault.at, Syscall)
    return fault.at


def test_of_a_steady_server_each_call_is_tried_once() -> None:
    at = [at_of(plan) for plan in before_each(BASE, STEADY, most=5)]
    assert sorted(place.number for place in at if place.name == ANY) == list(range(1, len(CALLS)))
    assert [place.number for place in at if place.name != ANY] == [1]


def test_an_answer_may_come_earlier_or_later_and_is_counted_apart() -> None:
    later = [CALLS[0], *CALLS[2:], CALLS[1]]
    assert alike([CALLS, later])
    assert {(p.name, p.number) for p in places(STEADY, 0)} == {
        (p.name, p.number) for p in places(Life(later, BATCHES, steady=True), 0)
    }


def test_the_first_plans_have_one_of_each_class() -> None:
    first = [at_of(plan) for plan in before_each(BASE, STEADY, most=5)[:5]]
    kinds = {on_files(CALLS)[at.number - 1].name if at.name == ANY else at.name for at in first}
    assert kinds == {call.name for call in CALLS}


def test_each_place_says_what_it_was() -> None:
    [last] = [place for place in places(STEADY, 0) if place.number == len(CALLS) - 1]
    assert last.what == "the fdatasync of db-wal that follows the write of 4,096 bytes to db-wal, in batch 3"


def test_of_another_server_a_sample_is_drawn_from_each_class() -> None:
    at = places(Life(CALLS, BATCHES, steady=False), most=9)
    assert len(at) == 9
    assert {place.name for place in at} == {call.name for call in CALLS}
    counted = Counter(call.name for call in CALLS)
    assert all(1 <= place.number <= counted[place.name] for place in at)
    assert len(set(at)) == 9


def test_what_only_one_of_two_runs_did_is_not_waited_for() -> None:
    once, twice = Call("fsync", "log"), Call("write", "log")
    assert in_both([once, twice, twice, once], [twice, once]) == [once, twice]
    assert in_both([once], []) == []


def test_plans_are_the_same_each_time_and_survive_their_bytes() -> None:
    plans = before_each(BASE, STEADY, most=9)
    assert [plan.to_text() for plan in plans] == [plan.to_text() for plan in before_each(BASE, STEADY, most=9)]
    assert [Plan.from_json(plan.to_json()) for plan in plans] == plans


def test_recoveries_are_those_behind_one_batch() -> None:
    assert [BATCHES[place.number] for place in origins(STEADY)[: len(BATCH)]] == [2] * len(BATCH)
    assert [place.number for place in origins(STEADY)[len(BATCH) :]] == [1], "and where the store is made"


def test_where_runs_differ_recoveries_are_those_behind_calls_of_each_class_of_that_batch() -> None:
    different = Life(CALLS, BATCHES, steady=False)
    found = origins(different)
    of_class = Counter(call.name for call in CALLS)
    assert found
    assert all(place.name in of_class and 1 <= place.number <= of_class[place.name] for place in found)
    assert [told.what for told in found] == [told.what for told in origins(STEADY)], "the same calls, by other names"


def test_without_batches_recoveries_are_spread_over_the_life() -> None:
    numbers = [place.number for place in origins(Life(CALLS, [0] * len(CALLS), steady=True))]
    assert (numbers[0], len(numbers)) == (1, 8)
    assert numbers[-1] > len(CALLS) * 3 // 4


def test_a_recovery_is_killed_at_each_of_its_calls_and_several_times_in_a_row() -> None:
    origin = Syscall(ANY, 9)
    plans = in_recovery(BASE, origin, Life(BATCH, [0] * len(BATCH), steady=True))
    assert all(plan.faults[0].at == origin for plan in plans)
    assert Counter(len(plan.faults) for plan in plans) == {2: len(BATCH), 5: 3}
    assert len({at.order for plan in plans if len(plan.faults) == 2 for at in [plan.faults[1].at]}) == len(BATCH)


def test_a_big_job_is_made_small_where_it_may_be() -> None:
    assert small(1000, 10, varies=True) == Size(50, 10)
    assert small(1000, 10, varies=False) is None
    assert small(50, 10, varies=True) is None


def test_calls_fail_in_the_ways_in_which_such_calls_can_and_none_on_the_ledger_does() -> None:
    calls = [Call(kind, file) for _ in range(8) for kind, file in (("write", "a"), ("fsync", "a"), ("write", "ledger"))]
    life = Life([*calls, Call("answer", "answer")], [1] * 25, steady=True)
    plans = failing(BASE, life, 12)
    at = [fault.at for plan in plans for fault in plan.faults if isinstance(fault.at, Syscall)]
    assert len(at) == 12
    assert {(one.fails, one.what.partition(" that ")[0]) for one in at if one.what and "fsync" in one.what[:9]} == {
        ("EIO", "the fsync of a")
    }
    assert {one.fails for one in at} == set(ERRORS)
    assert not any("to ledger" in (one.what or "").partition(" that ")[0] for one in at)
    watched = failing(replace(BASE, engine=Engine.WATCH), life, 12)
    assert all(getattr(plan.faults[0].at, "fails", "") != "short" for plan in watched)
