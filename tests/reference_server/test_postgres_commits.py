"""A connection to PostgreSQL that is lost in the middle of a COMMIT: what was written may be there, or not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from reference_server.errors import Away, Refusal, Superseded, Unknown
from reference_server.kinds import batches
from reference_server.lifecycle import Status
from reference_server.postgres.place import Postgres
from reference_server.store import Store
from reference_server.task import Checkpoint, Submission
from tests.reference_server.postgres_tasks import DEADLINE_S, ended, started, submitted, wanted
from tests.reference_server.relay import Relay

PREPARED = 10  # after so many COMMITs in one session, its driver says them by a name
AFTER = Checkpoint(cursor=2, digest="d", message="m")


@pytest.fixture
def relay(url: str) -> Iterator[Relay]:
    with closing(Relay(url)) as relay:
        yield relay


def until(holds: Callable[[], bool], story: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, story
        time.sleep(0.02)


@pytest.mark.parametrize("before", [0, PREPARED])
@pytest.mark.parametrize("behind", [True, False])
def test_a_connection_lost_in_a_commit_leaves_it_unknown_and_it_is_what_it_is(
    opened: Callable[..., Postgres], relay: Relay, behind: bool, before: int
) -> None:
    task_id = f"unknown-{behind}-{before}"
    with closing(Store(opened())) as direct, closing(Store(opened(relay.url))) as store:
        submitted(direct, task_id)
        for _ in range(before):
            with store.transaction():
                pass
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


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("behind", "after"),  # such a job commits five times
    [(True, 3), *(pytest.param(b, n, marks=pytest.mark.soak) for n in range(1, 6) for b in (True, False))],
)
async def test_a_task_goes_on_exactly_behind_a_commit_whose_answer_was_lost(
    opened: Callable[..., Postgres], relay: Relay, tmp_path: Path, behind: bool, after: int
) -> None:
    running = await started(opened(relay.url), tmp_path)
    try:
        relay.cut(behind=behind, after=after)
        task_id = (await running.submit(wanted(f"cut-{behind}-{after}", items=12))).task_id
        task = await ended(running, task_id)
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
    running = await started(opened(relay.url), tmp_path)
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


@pytest.mark.asyncio
async def test_an_owner_is_not_told_that_nothing_was_changed_where_the_store_stays_away_behind_a_lost_answer(
    opened: Callable[..., Postgres], relay: Relay, tmp_path: Path
) -> None:
    with closing(Store(opened())) as direct:
        running = await started(opened(relay.url), tmp_path)
        try:
            rests = Submission(batches.KIND, "stays away", {"processing_delay": 3600.0}, total=4, batch_size=2)
            task_id = (await running.submit(rests)).task_id
            await asyncio.to_thread(until, lambda: direct.get(task_id).step == 1, "it rests")
            relay.cut(behind=True, last=True)
            with pytest.raises(Refusal, match="whether it was done is not known"):
                await running.cancel(task_id)
            assert direct.get(task_id).status is Status.CANCELLED
            with pytest.raises(Refusal, match="nothing was changed"):
                await running.cancel(task_id)
        finally:
            await running.stop()


def test_a_commit_that_postgresql_turned_into_a_rollback_is_no_commit(opened: Callable[..., Postgres]) -> None:
    with closing(Store(opened())) as store:
        store.begin()
        with pytest.raises(Away, match="ROLLBACK"), store.begun(), suppress(Refusal):
            store._db.execute("SELECT 1 / 0")
        submitted(store, "behind a rollback")
