"""Two clients on a stage without processes: what counts as whose, and when their run has ended."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from mcp_crashtest.contracts.job import Job
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.companions import AGAIN, SECOND, Companion
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec
from mcp_crashtest.model.operation import Op, Operation, Type
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.model.profile import Profile, Workload
from mcp_crashtest.model.subject_spec import SubjectSpec
from mcp_crashtest.stage.lab_client import LabClient
from mcp_crashtest.stage.second_client import SecondClient
from mcp_crashtest.stage.stage import OUTPUT, Stage
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.subject import Subject
from tests.harness.stage.scripted import scripted

ARGUMENTS = {"key": "{client_id}", "total": "{total_records}"}


def made(
    folder: Path, companion: Companion, kind: ContractKind = ContractKind.RESOURCE_TASK
) -> tuple[Stage, LabClient]:
    contract = ContractSpec(kind, "work", ARGUMENTS)
    profile = Profile("p", SubjectSpec("serve {port}", "u"), contract, workload=Workload(100, 20))
    subject = Subject(profile, cast(Spawner, None), RunFolder(folder), "run", profile.workload)
    client = LabClient(subject, None)
    stage = scripted(Plan("s", "p", (), companion=companion, second=Size(80, 20)), folder).stage
    client.enter(stage)
    client.server_starts()
    return stage, client


def second_of(client: LabClient) -> SecondClient:
    assert isinstance(client._second, SecondClient)
    return client._second


def sees(client: LabClient, process: str, op: Op, type_: Type = Type.OK, **value: Any) -> bool:
    return client.saw(Operation(0, 0.0, process, type_, op, "t", 1, value))


ORDERS = [("client-0", f"{SECOND}-0"), (f"{SECOND}-0", "client-0")]


@pytest.mark.parametrize("order", ORDERS)
def test_the_run_has_ended_well_when_both_have_the_output_of_the_one_job(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    stage, client = made(tmp_path, Companion.SAME_JOB)
    sees(client, order[0], Op.OUTPUT)
    assert stage.ended is None
    sees(client, order[1], Op.OUTPUT)
    assert stage.ended == OUTPUT


@pytest.mark.parametrize("order", ORDERS)
def test_behind_a_second_job_the_first_one_is_read_again_and_ends_the_run(
    tmp_path: Path, order: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[str, str | None]] = []

    async def begin(_: SecondClient, name: str, job: Job) -> None:
        begun.append((name, job.handle))

    async def play() -> None:
        stage, client = made(tmp_path, Companion.ANOTHER_JOB)
        sees(client, "client-0", Op.SUBMIT)
        sees(client, order[0], Op.OUTPUT)
        await asyncio.sleep(0)
        assert begun == []
        sees(client, order[1], Op.OUTPUT)
        await asyncio.sleep(0)
        assert (begun, stage.ended) == ([(AGAIN, "t")], None)
        sees(client, AGAIN, Op.OUTPUT)
        assert stage.ended == OUTPUT

    monkeypatch.setattr(SecondClient, "_begin", begin)
    asyncio.run(play())


def test_who_began_to_ask_before_the_first_ones_end_asks_once_more_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def begin(_: SecondClient, name: str, __: Job) -> None:
        begun.append(name)

    async def play() -> None:
        stage, client = made(tmp_path, Companion.ANOTHER_JOB)
        second = second_of(client)
        await second._start()
        sees(client, "client-0", Op.SUBMIT)
        sees(client, "client-0", Op.OUTPUT)
        sees(client, f"{SECOND}-0", Op.OUTPUT, Type.FAIL, reason="refused")
        await asyncio.sleep(0)
        assert (begun, stage.ended, second.finished) == ([f"{SECOND}-0", f"{SECOND}-1"], None, False)
        sees(client, f"{SECOND}-1", Op.OUTPUT, Type.FAIL, reason="refused")
        assert second.finished

    monkeypatch.setattr(SecondClient, "_begin", begin)
    asyncio.run(play())


def test_a_first_job_that_gave_no_output_is_not_read_again(tmp_path: Path) -> None:
    stage, client = made(tmp_path, Companion.ANOTHER_JOB)
    sees(client, "client-0", Op.OUTPUT, Type.FAIL, reason="failed")
    sees(client, f"{SECOND}-0", Op.OUTPUT)
    assert stage.ended == OUTPUT


def test_what_the_second_client_sees_is_no_progress_of_the_first(tmp_path: Path) -> None:
    _, client = made(tmp_path, Companion.ANOTHER_JOB)
    assert sees(client, f"{SECOND}-0", Op.SUBMIT)
    assert sees(client, f"{SECOND}-0", Op.PROGRESS, done=60)
    assert (client.done, client.passed(0), client.passed(20)) == (0, False, False)


def test_a_status_that_is_what_it_was_is_no_move_of_the_second_either(tmp_path: Path) -> None:
    _, client = made(tmp_path, Companion.ANOTHER_JOB)
    moves = [sees(client, f"{SECOND}-0", Op.STATUS, status="running") for _ in range(2)]
    assert moves == [True, False]


def test_a_deadline_that_the_second_client_has_passed_ends_the_run(tmp_path: Path) -> None:
    stage, client = made(tmp_path, Companion.SAME_JOB)
    sees(client, f"{SECOND}-0", Op.END, Type.INFO)
    assert stage.ended == "client deadline"


def test_its_own_job_has_its_own_key_and_size_and_no_handle(tmp_path: Path) -> None:
    _, client = made(tmp_path, Companion.ANOTHER_JOB)
    sees(client, "client-0", Op.SUBMIT)
    job = second_of(client)._job()
    assert (job.arguments, job.records, job.handle) == ({"key": "client-run-2", "total": 80}, 80, None)
    assert client._job().arguments == {"key": "client-run", "total": 100}


def test_the_same_job_is_the_same_with_the_handle_that_the_first_was_given(tmp_path: Path) -> None:
    _, client = made(tmp_path, Companion.SAME_JOB)
    sees(client, "client-0", Op.SUBMIT)
    assert second_of(client)._job() == client._job()
    assert second_of(client)._job().handle == "t"


def test_it_comes_for_the_same_job_when_that_has_a_name_and_for_a_call_at_once(tmp_path: Path) -> None:
    _, client = made(tmp_path, Companion.SAME_JOB)
    assert not second_of(client)._is_time()
    sees(client, "client-0", Op.SUBMIT)
    assert second_of(client)._is_time()
    _, caller = made(tmp_path, Companion.SAME_JOB, ContractKind.RESUMABLE_TOOL)
    assert second_of(caller)._is_time()


def test_the_same_call_is_made_without_the_handle_that_the_first_was_given(tmp_path: Path) -> None:
    _, client = made(tmp_path, Companion.SAME_CALL)
    sees(client, "client-0", Op.SUBMIT)
    job = second_of(client)._job()
    assert (job.arguments, job.handle) == (client._job().arguments, None)


def test_what_the_same_call_is_answered_with_undisturbed_is_seen_behind_the_end_and_suffices(tmp_path: Path) -> None:
    stage, client = made(tmp_path, Companion.SAME_CALL)
    sees(client, "client-0", Op.SUBMIT)
    assert not second_of(client)._is_time()
    sees(client, "client-0", Op.OUTPUT)
    assert second_of(client)._is_time()
    assert stage.ended is None
    sees(client, f"{SECOND}-0", Op.SUBMIT)
    assert stage.ended == OUTPUT


def test_a_job_behind_the_first_waits_for_its_end(tmp_path: Path) -> None:
    _, client = made(tmp_path, Companion.ANOTHER_JOB_LATER)
    assert not second_of(client)._is_time()
    sees(client, "client-0", Op.OUTPUT)
    assert second_of(client)._is_time()


def test_who_was_turned_away_while_the_first_goes_on_asks_again_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = asyncio.Event()

    async def start(_: SecondClient) -> None:
        started.set()

    async def play() -> None:
        stage, client = made(tmp_path, Companion.ANOTHER_JOB)
        sees(client, f"{SECOND}-0", Op.OUTPUT, Type.FAIL, reason="refused")
        sees(client, "client-0", Op.OUTPUT)
        await asyncio.wait_for(started.wait(), 5)
        assert stage.ended is None

    monkeypatch.setattr(SecondClient, "_start", start)
    asyncio.run(play())
