"""The store in PostgreSQL: what it does that a file does not.

That it does all that a file does is what the other tests ask of it, with ``--reference-store=postgres``.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reference_server.errors import Away, Superseded
from reference_server.lifecycle import Status
from reference_server.postgres.place import Postgres
from reference_server.store import Store
from tests import warm
from tests.reference_server import places
from tests.reference_server.conftest import Server, fill
from tests.reference_server.postgres_tasks import DEADLINE_S, ask, ended, started, submitted, wanted

ITEMS = 30


def until(holds: Callable[[], bool], story: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, story
        time.sleep(0.02)


@pytest.mark.asyncio
async def test_what_a_killed_server_had_another_finishes_exactly(tmp_path: Path) -> None:
    fill(tmp_path)
    first, second = (Server(tmp_path, kind="postgres") for _ in range(2))
    try:
        first.start(points="committed-unacknowledged@2")
        second.start()
        task_id = await first.park("start_batch_processing", batch_size=10, total_items=ITEMS)
        first.kill()
        async with asyncio.timeout(4):  # its session is gone with it: its lease need not run out
            task = await second.stopped(task_id)
        assert (task["status"], task["progress"]) == ("completed", ITEMS)
        records = (await second.read(f"task://records/{task_id}/1"))["records"]
        assert [record["item"] for record in records] == [f"item_{n:06d}" for n in range(ITEMS)]
        assert sorted(second.executions()) == [f"item_{n:06d}" for n in range(ITEMS)], "nothing is done twice"
    finally:
        for server in (first, second):
            if server.process and server.process.poll() is None:
                server.kill()


# --- claims and lives


def test_a_row_that_somebody_holds_is_passed_over_and_nobody_waits(opened: Callable[..., Postgres]) -> None:
    with closing(Store(opened())) as one, closing(Store(opened())) as other:
        submitted(one, "held")
        submitted(one, "free")
        with one.transaction():
            one.claim("held", "one", [])
            began = time.monotonic()
            with pytest.raises(Superseded), other.transaction():
                other.claim("held", "other", [])
            with other.transaction():
                other.claim("free", "other", [])
            assert time.monotonic() - began < 2.0
        assert one.get("held").epoch == 1


def test_two_who_submit_the_same_at_once_have_one_task(opened: Callable[..., Postgres]) -> None:
    found: list[str] = []

    def submit(task_id: str) -> None:
        with closing(Store(opened())) as store, store.transaction():
            found.append(store.submit(task_id, wanted("the same"), most_unfinished=1000).task_id)

    threads = [threading.Thread(target=submit, args=(f"same-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert len(found) == 6
    assert len(set(found)) == 1


@pytest.mark.asyncio
async def test_servers_that_submit_and_commit_at_once_do_not_wait_for_each_other_in_a_circle(tmp_path: Path) -> None:
    """Who reserves an owner holds nothing else, and who holds a task reserves nobody."""
    url, many = places.new_url(), 12
    servers = [await started(Postgres(url), tmp_path) for _ in range(2)]

    async def work(number: int) -> list[Any]:
        ids = [(await servers[number].submit(wanted(f"{number}-{n}"))).task_id for n in range(many)]
        return [await ended(servers[number], task_id) for task_id in ids]

    try:
        found = await asyncio.gather(*map(work, range(2)))
    finally:
        for server in servers:
            await server.stop()
    assert [task.status for task in (*found[0], *found[1])] == [Status.COMPLETED] * 2 * many
    with closing(psycopg.connect(url)) as session:
        row = session.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row == (0,)


def test_whose_session_ends_is_dead_and_whose_lease_runs_out_too(opened: Callable[..., Postgres], url: str) -> None:
    place, mine = opened(), "lives"
    with closing(Store(place)) as store, closing(Store(opened())) as other:
        submitted(store, mine)
        alive = place.work()
        try:
            with store.transaction():
                store.claim(mine, alive.me, [])
            assert mine not in dict(other.claimable([])), "its session has its lock"
            term = alive.term()
            ask(url, "UPDATE reference_server.workers SET expires_at = now() - INTERVAL '1 s'")
            assert mine in dict(other.claimable([])), "it stands still, and has its lock"
            until(lambda: mine not in dict(other.claimable([])), "it goes on")
            ask(url, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
            until(lambda: alive.term() > term, "it has come back, and knows that it may have been replaced")
            assert mine not in dict(other.claimable([]))
        finally:
            alive.close()
        until(lambda: mine in dict(other.claimable([])), "it has left")


def test_a_restart_of_postgresql_alone_makes_nobody_dead(tmp_path: Path) -> None:
    fill(tmp_path)
    with ExitStack() as closed:
        url = places.new_url()
        service = places.postgres()
        place, elsewhere = Postgres(url), Postgres(url)
        place.prepare()
        alive = place.work()
        closed.callback(place.close)
        closed.callback(elsewhere.close)
        closed.callback(alive.close)
        store, other = (closed.enter_context(closing(Store(one, DEADLINE_S))) for one in (place, elsewhere))
        submitted(store, "t")
        with store.transaction():
            store.claim("t", alive.me, [])
        seen: list[bool] = []
        ended = threading.Event()

        def look() -> None:
            while not ended.is_set():
                with suppress(Away):
                    seen.append("t" in dict(other.claimable([])))

        looking = threading.Thread(target=look)
        looking.start()
        try:
            assert warm.nest().do(service.kill()).confirmed
            warm.nest().do(service.restart())
            until(lambda: alive.term() > 0, "it has come back")
        finally:
            ended.set()
            looking.join(DEADLINE_S)
        assert seen
        assert not any(seen), "somebody else would have taken it"
        assert store.get("t").epoch == 1, "what was committed is there"
