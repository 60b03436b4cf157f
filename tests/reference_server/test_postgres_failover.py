"""A standby takes the place of the primary: what was acknowledged is there, once, if the standby is synchronous."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path

import pytest

from mcp_crashtest.wire.errors import RpcError
from tests.reference_server.conftest import DEADLINE_S, Server, fill
from tests.reference_server.relay import Relay
from tests.reference_server.standby import Pair, ask, until
from tests.reference_server.witness import Witness

BATCH = 5
TASKS = 3
ITEMS = 400  # of each: it goes on for seconds, however slowly a standby is set apart


@pytest.fixture
def paired(tmp_path: Path) -> Iterator[Callable[..., Pair]]:
    """A primary with its standby."""
    with ExitStack() as closed:
        yield lambda synchronous=True: closed.enter_context(closing(Pair(tmp_path, synchronous=synchronous)))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that is not running yet; its log is kept."""
    fill(tmp_path)
    one = Server(tmp_path, kind="sqlite", log=tmp_path / "server.log")
    yield one
    if one.process and one.process.poll() is None:
        one.kill()


def on(pair: Pair, server: Server) -> Server:
    server.extra = ("--store", pair.url)
    return server.start()


async def begun(server: Server, items: int, delay_s: float = 0.0, key: str = "") -> list[str]:
    return [
        await server.start_task(
            "start_batch_processing",
            **{"batch_size": BATCH, "total_items": items, "processing_delay": delay_s},
            idempotency_key=f"{key} {n}",
        )
        for n in range(TASKS)
    ]


async def came_out(server: Server, task_ids: list[str], items: int) -> None:
    """Each task is completed, and has each record once."""
    names = [f"item_{n:06d}" for n in range(items)]
    for task_id in task_ids:
        task = await server.stopped(task_id)
        assert (task["status"], task["progress"], task["result_data"]["processed"]) == ("completed", items, items)
        found, page = [], f"task://records/{task_id}/1"
        while page:
            read = await server.read(page)
            found += [record["item"] for record in read["records"]]
            page = read.get("next")
        assert found == names


def sent(pair: Pair) -> int:
    """How much progress the standby knows of."""
    there = ask(pair.standby, "SELECT to_regclass('reference_server.tasks') IS NOT NULL")
    return int(there and ask(pair.standby, "SELECT coalesce(sum(progress), 0) FROM reference_server.tasks"))


async def cut_off_in_a_commit(pair: Pair) -> None:
    """The standby is set apart, and a COMMIT waits for it."""
    await asyncio.to_thread(pair.part)
    await asyncio.to_thread(pair.wait_for_a_commit_that_waits)


async def fail_over(pair: Pair) -> None:
    """The primary dies, and its standby is promoted."""
    pair.kill()
    await asyncio.to_thread(pair.promote)


def done_again(server: Server) -> int:
    """How many records were executed more than once."""
    return sum(times > 1 for times in Counter(server.attempts()).values())


@pytest.mark.asyncio
async def test_jobs_whose_primary_dies_in_a_commit_end_exactly_on_the_standby(
    paired: Callable[..., Pair], server: Server
) -> None:
    pair = paired()
    on(pair, server)
    task_ids = await begun(server, ITEMS, 0.02)
    async with Witness(server, task_ids) as witness:
        await witness.until_progress(50)
        await cut_off_in_a_commit(pair)
        await fail_over(pair)
        await came_out(server, task_ids, ITEMS)
    assert witness.regressed == []
    assert done_again(server) <= TASKS * BATCH, "what was cut off"


@pytest.mark.asyncio
async def test_what_an_asynchronous_standby_was_not_sent_is_lost_and_that_is_seen(
    paired: Callable[..., Pair], server: Server
) -> None:
    """What must not be: the same with a standby for which no COMMIT waits. The job itself comes out exact even so."""
    pair = paired(synchronous=False)
    on(pair, server)
    task_ids = await begun(server, ITEMS, 0.02)
    async with Witness(server, task_ids) as witness:
        await asyncio.to_thread(until, lambda: sent(pair) > 0, "the standby has some of it")
        await asyncio.to_thread(pair.part)
        await witness.until_progress(sent(pair) + 2 * TASKS * BATCH)
        [unheard_of, *_] = await begun(server, 10, 60.0, key="acknowledged, and lost")
        await fail_over(pair)
        await came_out(server, task_ids, ITEMS)
        with pytest.raises(RpcError, match="there is no task"):
            await server.status(unheard_of)
    assert witness.regressed
    assert done_again(server) > TASKS * BATCH, "what was lost is done again"


@pytest.mark.soak
@pytest.mark.asyncio
async def test_an_old_primary_that_comes_back_as_it_was_is_not_the_store(
    paired: Callable[..., Pair], server: Server
) -> None:
    """It stands first in the URL, takes writes, and has a batch that nobody else has."""
    pair = paired()
    old = pair.primary
    on(pair, server)
    task_ids = await begun(server, ITEMS, 0.02)
    async with Witness(server, task_ids) as witness:
        await witness.until_progress(50)
        await cut_off_in_a_commit(pair)
        await fail_over(pair)
        pair.restart(old)
        what = "SELECT string_agg(t::text, ' ' ORDER BY task_id) FROM reference_server.tasks t"
        had = ask(old, what)
        await witness.until_progress(sum(witness.seen.values()) + 30)
        server.kill()
        server.start()  # another life remembers nothing
        await came_out(server, task_ids, ITEMS)
    assert witness.regressed == []
    assert ask(old, what) == had
    assert "running" in had


@pytest.mark.soak
@pytest.mark.asyncio
async def test_a_batch_that_the_standby_has_though_nobody_was_told_of_it_counts_once(
    paired: Callable[..., Pair], server: Server
) -> None:
    """The primary dies between a COMMIT, which the standby has, and its answer."""
    pair = paired()
    with closing(Relay(pair.primary.url)) as relay:
        server.extra = ("--store", f"{relay.url.rpartition('/')[0]},127.0.0.1:{pair.standby.port}/postgres")
        server.start()
        task_ids = await begun(server, ITEMS, 0.02)
        async with Witness(server, task_ids) as witness:
            await witness.until_progress(50)
            relay.cut(behind=True)
            await asyncio.to_thread(until, lambda: relay.cuts, "a COMMIT is cut")
            await fail_over(pair)
            await came_out(server, task_ids, ITEMS)
    assert witness.regressed == []
    assert done_again(server) <= TASKS * BATCH


@pytest.mark.soak
@pytest.mark.asyncio
async def test_one_standby_after_the_other_takes_over_and_nothing_is_lost(
    paired: Callable[..., Pair], server: Server
) -> None:
    """At random moments, and by turns in the middle of a COMMIT; whoever has died is the next standby."""
    pair, dice, rounds = paired(), random.Random(15), 10
    on(pair, server)
    for number in range(rounds):
        task_ids = await begun(server, ITEMS, 0.0, key=f"round {number}")
        async with Witness(server, task_ids) as witness:
            await witness.until_progress(dice.randrange(0, 600))
            if number % 2:
                await cut_off_in_a_commit(pair)
            await fail_over(pair)
            await came_out(server, task_ids, ITEMS)
        assert witness.regressed == []
        await asyncio.to_thread(pair.rejoin)
    assert done_again(server) <= rounds * TASKS * BATCH
    assert ask(pair.primary, "SELECT count(*) FROM reference_server.tasks") == rounds * TASKS
    assert int(ask(pair.primary, "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), 16) == rounds + 1


@pytest.mark.soak
@pytest.mark.asyncio
@pytest.mark.parametrize("frozen", [True, False])
async def test_a_primary_that_answers_no_more_is_left_for_the_one_that_was_promoted(
    paired: Callable[..., Pair], server: Server, frozen: bool
) -> None:
    """It stands still, or is alive and has no standby any more: nothing of what it has then counts."""
    pair = paired()
    old = pair.primary
    on(pair, server)
    task_ids = await begun(server, ITEMS, 0.02)
    async with Witness(server, task_ids) as witness:
        await witness.until_progress(50)
        with pair.frozen() if frozen else nullcontext():
            await asyncio.to_thread(pair.promote)
            await came_out(server, task_ids, ITEMS)
        await came_out(server, task_ids, ITEMS)
    assert witness.regressed == []
    assert ask(old, "SELECT count(*) FROM reference_server.tasks WHERE status = 'completed'") == 0


@pytest.mark.soak
@pytest.mark.asyncio
async def test_without_its_standby_nothing_is_acknowledged_and_with_it_again_all_goes_on(
    paired: Callable[..., Pair], server: Server
) -> None:
    pair = paired()
    on(pair, server)
    await came_out(server, await begun(server, 10), 10)
    await asyncio.to_thread(pair.part)
    async with asyncio.timeout(DEADLINE_S):
        refused = await server.call("start_batch_processing", batch_size=5, total_items=10, idempotency_key="k")
    assert refused.is_error
    assert "whether it was done is not known" in refused.text
    assert server.readiness()[0] == 503
    await asyncio.to_thread(pair.join)
    assert server.readiness()[0] == 200
    [task_id, *_] = await begun(server, 10, key="another")
    await came_out(server, [task_id], 10)
    again = await server.start_task("start_batch_processing", batch_size=5, total_items=10, idempotency_key="k")
    await came_out(server, [again], 10)
    assert ask(pair.primary, "SELECT count(*) FROM reference_server.tasks") == 2 * TASKS + 1
