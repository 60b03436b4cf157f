"""The store in PostgreSQL: what it does that a file does not.

That it does all that a file does is what the other tests ask of it, with ``--reference-store=postgres``.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reference_server.crashpoints import CrashPoints
from reference_server.data_root import DataRoot
from reference_server.database import Place
from reference_server.effects import Effects
from reference_server.engine import Engine, Settings
from reference_server.errors import Away, Refusal, Superseded, Unknown
from reference_server.kinds import batches
from reference_server.lifecycle import Status
from reference_server.postgres.place import Postgres
from reference_server.store import Store
from reference_server.task import Checkpoint, Submission
from tests import warm
from tests.reference_server import places
from tests.reference_server.conftest import Server, fill
from tests.reference_server.relay import Relay

ITEMS = 30
DEADLINE_S = 30.0
AFTER = Checkpoint(cursor=2, digest="d", message="m")


@pytest.fixture(scope="module")
def url() -> str:
    """A database that the tests here share, in which each has tasks of its own."""
    return places.new_url()


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., Postgres]]:
    """Places at this database, as different processes have them; closed at the end."""
    with ExitStack() as closed:

        def another(where: str = url) -> Postgres:
            place = Postgres(where)
            place.prepare()
            closed.callback(place.close)
            return place

        yield another


@pytest.fixture
def relay(url: str) -> Iterator[Relay]:
    with closing(Relay(url)) as relay:
        yield relay


def wanted(key: str, items: int = 4) -> Submission:
    parameters = {"total_items": items, "processing_delay": 0.0}
    return Submission(batches.KIND, key, parameters, total=items, batch_size=2)


def submitted(store: Store, task_id: str) -> None:
    with store.transaction():
        store.submit(task_id, wanted(task_id), most_unfinished=1000)


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


# --- COMMIT, and no answer


@pytest.mark.parametrize("behind", [True, False])
def test_a_connection_lost_in_a_commit_leaves_it_unknown_and_it_is_what_it_is(
    opened: Callable[..., Postgres], relay: Relay, behind: bool
) -> None:
    task_id = f"unknown-{behind}"
    with closing(Store(opened())) as direct, closing(Store(opened(relay.url))) as store:
        submitted(direct, task_id)
        with store.transaction():
            task = store.claim(task_id, "me", [])[0]
        relay.cut(behind=behind)
        with pytest.raises(Unknown), store.transaction():
            store.commit_batch(task, ["{}", "{}"], AFTER)
        assert relay.cuts == 1
        until(lambda: direct.get(task_id).step == int(behind), "it is what it is")
        assert direct.bodies(task_id, 0, 10) == ["{}"] * (2 * behind)
        again = pytest.raises(Superseded) if behind else ExitStack()
        with again, store.transaction():
            store.commit_batch(task, ["{}", "{}"], AFTER)
        assert direct.bodies(task_id, 0, 10) == ["{}", "{}"], "once, whoever asks how often"


async def _engine(place: Place, folder: Path) -> Engine:
    running = Engine(Settings(place, DataRoot(folder), Effects(None), CrashPoints("")))
    await running.start()
    return running


async def _ended(running: Engine, task_id: str) -> Any:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            task = await running.read(lambda store: store.get(task_id))
            if task.finished:
                return task
            await asyncio.sleep(0.02)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("behind", "after"),
    [(True, 3), *(pytest.param(b, n, marks=pytest.mark.soak) for n in range(1, 9) for b in (True, False))],
)
async def test_a_task_goes_on_exactly_behind_a_commit_whose_answer_was_lost(
    opened: Callable[..., Postgres], relay: Relay, tmp_path: Path, behind: bool, after: int
) -> None:
    running = await _engine(opened(relay.url), tmp_path)
    try:
        relay.cut(behind=behind, after=after)
        task_id = (await running.submit(wanted(f"cut-{behind}-{after}", items=12))).task_id
        task = await _ended(running, task_id)
        assert (task.status, task.progress, relay.cuts) == (Status.COMPLETED, 12, 1)
        bodies = await running.read(lambda store: store.bodies(task_id, 0, 100))
        assert len(bodies) == len(set(bodies)) == 12
    finally:
        await running.stop()


@pytest.mark.asyncio
@pytest.mark.parametrize("behind", [True, False])
async def test_an_owner_is_told_the_truth_about_a_cancel_whose_answer_was_lost(
    opened: Callable[..., Postgres], relay: Relay, tmp_path: Path, behind: bool
) -> None:
    running = await _engine(opened(relay.url), tmp_path)
    try:
        rests = Submission(batches.KIND, f"rests-{behind}", {"processing_delay": 3600.0}, total=4, batch_size=2)
        task_id = (await running.submit(rests)).task_id
        async with asyncio.timeout(DEADLINE_S):
            while (await running.read(lambda store: store.get(task_id))).step == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        relay.cut(behind=behind)
        assert await running.cancel(task_id)
        assert relay.cuts == 1
        assert (await running.read(lambda store: store.get(task_id))).status is Status.CANCELLED
        assert not await running.cancel(task_id), "it is cancelled already, and whoever asks now is told so"
    finally:
        await running.stop()


def test_a_commit_that_postgresql_turned_into_a_rollback_is_no_commit(opened: Callable[..., Postgres]) -> None:
    with closing(Store(opened())) as store:
        store.begin()
        with pytest.raises(Away, match="ROLLBACK"), store.begun(), suppress(Refusal):
            store._db.execute("SELECT 1 / 0")
        submitted(store, "behind a rollback")


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
    servers = [await _engine(Postgres(url), tmp_path) for _ in range(2)]

    async def work(number: int) -> list[Any]:
        ids = [(await servers[number].submit(wanted(f"{number}-{n}"))).task_id for n in range(many)]
        return [await _ended(servers[number], task_id) for task_id in ids]

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
            _ask(url, "UPDATE reference_server.workers SET expires_at = now() - INTERVAL '1 s'")
            assert mine in dict(other.claimable([])), "it stands still, and has its lock"
            until(lambda: mine not in dict(other.claimable([])), "it goes on")
            _ask(url, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
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


def _ask(url: str, statement: str) -> None:
    with closing(psycopg.connect(url, autocommit=True)) as session:
        session.execute(statement.encode())
