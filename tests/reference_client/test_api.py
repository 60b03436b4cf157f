"""The client as a library, in somebody's own program."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reference_client import DurableClient, Event, JobChanged, Notice, Phase
from reference_client.errors import GivenUp, StateLocked, UsageError
from tests.reference_client.conftest import RECORDS, Server, wait_until

COPY = "start_data_migration"


def paths(name: str) -> dict[str, str]:
    return {"source_path": "in.jsonl", "destination_path": name}


@pytest.mark.parametrize("protocol", ["2026-07-28", "legacy"])
def test_run_ends_with_the_result_and_tells_what_happens(shared: Server, tmp_path: Path, protocol: str) -> None:
    events: list[Event] = []

    async def run() -> None:
        state = tmp_path / "state.json"
        async with DurableClient(shared.url, state=state, protocol=protocol, on_event=events.append) as client:
            job = await client.run(COPY, paths(f"{protocol}.jsonl"))
            assert job.result["migrated_records"] == RECORDS
            assert client.state.jobs[job.job_id].delivered

    asyncio.run(run())
    phases = [event.job.phase for event in events if isinstance(event, JobChanged)]
    assert phases[-1] is Phase.COMPLETED
    assert set(phases[:-1]) <= {Phase.SUBMITTING, Phase.ACTIVE}


def test_several_jobs_share_one_connection_that_is_cut(server: Server, tmp_path: Path) -> None:
    notices: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Notice):
            notices.append(event.text)

    async def run() -> None:
        server.start("acknowledged@9")
        async with DurableClient(server.url, state=tmp_path / "state.json", poll_s=0.02, on_event=hear) as client:
            ends = asyncio.gather(*(client.run(COPY, paths(f"{n}.jsonl") | {"batch_size": 20}) for n in range(4)))
            await asyncio.to_thread(server.wait_parked)
            server.kill()
            await asyncio.to_thread(wait_until, lambda: "trying again" in str(notices), "the client notices")
            await asyncio.to_thread(server.start)
            assert [job.result["migrated_records"] for job in await ends] == [RECORDS] * 4

    asyncio.run(run())
    assert len([text for text in notices if "the server is back" in text]) == 1


def test_leaving_detaches_and_the_next_life_goes_on(server: Server, tmp_path: Path) -> None:
    async def first() -> str | None:
        async with DurableClient(server.url, state=tmp_path / "state.json") as client:
            job = await client.submit("resumable_data_processing", {"total_records": 400, "batch_size": 10})
            await asyncio.to_thread(server.wait_parked)
            server.thaw()
            return job.job_id

    async def second() -> None:
        async with DurableClient(server.url, state=tmp_path / "state.json") as client:
            [job] = client.state.unfinished
            assert job.job_id == job_id
            assert (await client.wait(job.job_id)).result["total_processed"] == 400

    server.start("acknowledged@3")
    job_id = asyncio.run(first())
    asyncio.run(second())


def test_a_job_is_known_by_what_identifies_it_alone(shared: Server, tmp_path: Path) -> None:
    async def run() -> None:
        async with DurableClient(shared.url, state=tmp_path / "state.json") as client:
            first = await client.run(COPY, paths("known-1.jsonl"), name="run-1")
            await client.run(COPY, paths("known-2.jsonl"), name="run-2")
            assert client.job("run-1") == client.job(first.task_id or "") == client.state.jobs["run-1"]
            assert client.job("nobody") is None
            assert client.job("") is None
            with pytest.raises(UsageError, match="several jobs: run-1, run-2"):
                client.job("run")

    asyncio.run(run())


def test_two_clients_of_one_state_are_one_too_many(shared: Server, tmp_path: Path) -> None:
    async def run() -> None:
        async with DurableClient(shared.url, state=tmp_path / "state.json"):
            with pytest.raises(StateLocked):
                async with DurableClient(shared.url, state=tmp_path / "state.json"):
                    pass
            async with DurableClient(shared.url, state=tmp_path / "state.json", exclusive=False) as second:
                assert not second.writable

    asyncio.run(run())


def test_a_frozen_server_is_given_up_within_the_patience(server: Server, tmp_path: Path) -> None:
    """It accepts connections, and answers nothing."""

    async def run() -> None:
        server.start()
        server.freeze()
        client = DurableClient(server.url, state=tmp_path / "state.json", silence_s=0.2, patience_s=0.5)
        with pytest.raises(GivenUp, match="the server is silent"):
            async with client:
                await client.submit(COPY, paths("frozen.jsonl"))
        server.thaw()

    asyncio.run(run())


def test_a_client_that_was_not_entered_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="async with DurableClient"):
        _ = DurableClient("http://127.0.0.1:1/mcp", state=tmp_path / "state.json").state
