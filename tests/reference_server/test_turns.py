"""Turns: everybody gets one, nobody gets two while others wait, and no more take turns than there is room for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reference_server import turns
from reference_server.schema import prepare
from reference_server.turns import Turns
from reference_server.writer import Writer

DEADLINE_S = 10.0

pytestmark = pytest.mark.asyncio


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    prepare(tmp_path / "tasks.db")
    writer = Writer(tmp_path / "tasks.db")
    yield writer
    writer.close(DEADLINE_S)


@contextmanager
def taking(writer: Writer, take: Callable[[Turns[str], str], None]) -> Iterator[Turns[str]]:
    """Turns whose worker threads run, and end."""
    taken: Turns[str] = Turns(writer, lambda one: take(taken, one))
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
    monkeypatch.setattr(turns, "_WORKERS", 1)
    order: list[str] = []
    all_are_in = threading.Event()

    def take(taken: Turns[str], one: str) -> None:
        all_are_in.wait(DEADLINE_S)
        order.append(one)
        if order.count(one) < 3:
            taken.again(one)

    with taking(writer, take) as taken:
        for one in "abc":
            taken.enter(one)
        all_are_in.set()
        await until(lambda: len(order) == 9, f"only {order}")
    assert order == list("abc" * 3)


async def test_who_comes_when_all_places_are_taken_waits_until_another_has_left(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_MOST_INTERLEAVED", 2)
    order: list[str] = []
    with taking(writer, lambda _, one: order.append(one)) as taken:
        for one in "abcd":
            taken.enter(one)
        await until(lambda: len(order) == 2, f"only {order}")
        assert set(order) == {"a", "b"}
        taken.leave()
        await until(lambda: len(order) == 3, f"only {order}")
        assert order[2] == "c"
        taken.leave()
        taken.leave()
        taken.leave()
        taken.enter("e")
        await until(lambda: len(order) == 5, f"only {order}")
        assert sorted(order[3:]) == ["d", "e"]


async def test_who_rests_has_a_turn_after_it_or_when_all_is_to_stop(writer: Writer) -> None:
    order: list[str] = []
    with taking(writer, lambda _, one: order.append(one)) as taken:
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
