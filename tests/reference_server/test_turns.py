"""Turns: owners have them in turn, who rests is in nobody's way, and no more have them than their owner has places."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reference_server import turns
from reference_server.turns import Turns
from reference_server.writer import Writer
from tests.reference_server.places import prepared

DEADLINE_S = 10.0

pytestmark = pytest.mark.asyncio


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(prepared(tmp_path))
    yield writer
    writer.close(DEADLINE_S)


@contextmanager
def taking(writer: Writer, take: Callable[[Turns[str], str], None]) -> Iterator[Turns[str]]:
    """Turns whose worker threads run, and end. A name's first letter is its owner."""
    taken: Turns[str] = Turns(writer, lambda one: take(taken, one), lambda one: one[0])
    taken.start()
    try:
        yield taken
    finally:
        taken.close()


async def until(holds: Callable[[], bool], story: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, story
        await asyncio.sleep(0.001)


async def test_of_many_who_are_ready_none_has_a_second_turn_before_all_have_had_their_first(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await order_of(writer, monkeypatch, ["a1", "a2", "a3"], 3) == ["a1", "a2", "a3"] * 3


async def test_owners_have_turns_one_after_the_other_however_many_are_theirs(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await order_of(writer, monkeypatch, [*(f"a{n}" for n in range(100)), "b", "c"], 3)
    assert order[:9] == ["a0", "b", "c", "a1", "b", "c", "a2", "b", "c"]


async def order_of(writer: Writer, monkeypatch: pytest.MonkeyPatch, names: list[str], times: int) -> list[str]:
    """The turns of all these, each of whom wants some, with one thread that begins when all have entered."""
    monkeypatch.setattr(turns, "_WORKERS", 1)
    order: list[str] = []
    all_are_in = threading.Event()

    def take(taken: Turns[str], one: str) -> None:
        all_are_in.wait(DEADLINE_S)
        order.append(one)
        if order.count(one) < times:
            taken.again(one)

    with taking(writer, take) as taken:
        for one in names:
            taken.enter(one)
        all_are_in.set()
        await until(lambda: len(order) == times * len(names), f"only {order}")
    return order


async def test_who_comes_when_the_owners_places_are_taken_waits_until_another_of_theirs_has_left(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_PLACES", 2)
    order: list[str] = []
    with taking(writer, lambda _, one: order.append(one)) as taken:
        for one in ("a1", "a2", "a3", "a4", "b1"):
            taken.enter(one)
        await until(lambda: len(order) == 3, f"only {order}")
        assert set(order) == {"a1", "a2", "b1"}, "the places of one are not taken by another"
        taken.leave("b1")
        taken.leave("a1")
        await until(lambda: len(order) == 4, f"only {order}")
        assert order[3] == "a3"
        for one in ("a2", "a3", "a4"):
            taken.leave(one)
        taken.enter("a5")
        await until(lambda: len(order) == 6, f"only {order}")
        assert sorted(order[4:]) == ["a4", "a5"]


async def test_who_rests_leaves_a_place_and_waits_for_one_behind_the_rest(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_PLACES", 1)
    order: list[str] = []
    with taking(writer, lambda _, one: order.append(one)) as taken:
        taken.enter("a1")
        taken.enter("a2")
        await until(lambda: order == ["a1"], f"the only place is taken twice, or by nobody: {order}")
        taken.rest("a1", 0.001)
        await until(lambda: order == ["a1", "a2"], f"who rests keeps the place: {order}")
        await until(lambda: not taken.resting(), "the rest does not end")
        assert order == ["a1", "a2"]
        taken.leave("a2")
        await until(lambda: order == ["a1", "a2", "a1"], f"who has rested has no place: {order}")


async def test_who_withdraws_has_no_turn_and_keeps_nobody_waiting(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_PLACES", 1)
    order: list[str] = []
    with taking(writer, lambda _, one: order.append(one)) as taken:
        for one in ("a1", "a2", "a3"):
            taken.enter(one)
        await until(lambda: order == ["a1"], f"only {order}")
        assert not taken.withdraw("a1"), "it has a place"
        assert taken.withdraw("a2")
        assert not taken.withdraw("a2")
        taken.rest("a1", 3600.0)
        await until(lambda: order == ["a1", "a3"], f"who has withdrawn is in the way: {order}")
        assert taken.withdraw("a1")
        assert taken.resting() == []
        taken.leave("a3")
        taken.request_stop()
        taken.enter("b")
        await until(lambda: "b" in order, f"only {order}")
    assert order == ["a1", "a3", "b"]


async def test_who_rests_has_a_turn_after_it_or_when_all_is_to_stop(writer: Writer) -> None:
    order: list[str] = []
    with taking(writer, lambda _, one: order.append(one)) as taken:
        for one in ("short", "long", "late"):
            taken.enter(one)
        await until(lambda: len(order) == 3, f"only {order}")
        order.clear()
        taken.rest("short", 0.001)
        taken.rest("long", 3600.0)
        await until(lambda: order == ["short"], f"the short rest is not over: {order}")
        taken.request_stop()
        taken.rest("late", 3600.0)
        await until(lambda: sorted(order[1:]) == ["late", "long"], f"somebody still rests: {order}")


async def test_what_a_turn_leaves_with_the_writer_is_written_when_nobody_else_is_ready(writer: Writer) -> None:
    written: list[object] = []

    def take(_: Turns[str], one: str) -> None:
        writer.leave(lambda store: store.counts(), lambda value, error: written.append(error))

    with taking(writer, take) as taken:
        taken.enter("a")
        await until(lambda: written == [None], "what was left is not written")
        assert writer.waiting == 0
