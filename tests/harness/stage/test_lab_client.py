"""What the lab's client takes for the work of the server's present life, on a stage without processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec
from mcp_crashtest.model.coordinates import Window, WindowName
from mcp_crashtest.model.operation import Op, Operation, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile, Workload
from mcp_crashtest.model.subject_spec import SubjectSpec
from mcp_crashtest.stage.lab_client import LabClient
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.subject import Subject
from tests.harness.stage.scripted import ScriptedLife, scripted

FIRST, SECOND = 20, 40  # records, at two boundaries of a job of a hundred


def made(folder: Path, kind: ContractKind = ContractKind.RESOURCE_TASK) -> LabClient:
    profile = Profile("p", SubjectSpec("serve {port}", "u"), ContractSpec(kind, "work"), workload=Workload(100, 20))
    subject = Subject(profile, cast(Spawner, None), RunFolder(folder), "run", profile.workload)
    client = LabClient(subject, None)
    client.enter(scripted(Plan("s", "p", ()), folder).stage)
    client.server_starts()
    return client


def sees(client: LabClient, op: Op, type_: Type = Type.OK, **value: Any) -> None:
    client.saw(Operation(0, 0.0, "client-0", type_, op, "t", 1, value))


def restarts(client: LabClient) -> None:
    """Another life of the server begins."""
    client._stage.lives.append(ScriptedLife([], "server"))
    client.server_starts()


def test_the_first_life_has_got_as_far_as_was_seen(tmp_path: Path) -> None:
    client = made(tmp_path)
    assert not client.passed(FIRST)
    sees(client, Op.PROGRESS, done=FIRST)
    assert client.passed(FIRST)
    assert not client.passed(SECOND)


def test_what_a_later_life_shows_first_was_done_before_it(tmp_path: Path) -> None:
    client = made(tmp_path)
    sees(client, Op.PROGRESS, done=FIRST)
    restarts(client)
    assert not client.passed(FIRST), "it has not even answered"
    sees(client, Op.PROGRESS, done=SECOND)
    assert not client.passed(SECOND), "the life before may have done it, and nobody had looked"
    sees(client, Op.PROGRESS, done=60)
    assert client.passed(SECOND)


def test_a_later_life_that_begins_anew_has_to_get_beyond_what_was_seen(tmp_path: Path) -> None:
    client = made(tmp_path)
    sees(client, Op.PROGRESS, done=SECOND)
    restarts(client)
    sees(client, Op.PROGRESS, done=0)
    sees(client, Op.PROGRESS, done=FIRST)
    assert not client.passed(FIRST)
    sees(client, Op.PROGRESS, done=60)
    assert client.passed(FIRST)


@pytest.mark.parametrize(
    ("kind", "begins"), [(ContractKind.RESOURCE_TASK, Type.OK), (ContractKind.RESUMABLE_TOOL, Type.INVOKE)]
)
def test_a_job_has_begun_when_it_is_acknowledged_or_called(tmp_path: Path, kind: ContractKind, begins: Type) -> None:
    client = made(tmp_path, kind)
    assert not client.passed(0)
    sees(client, Op.SUBMIT, begins)
    assert client.passed(0)


@pytest.mark.parametrize(
    ("window", "event"), [(WindowName.UNANSWERED, Type.INVOKE), (WindowName.ANSWERED, Type.OK)], ids=str
)
def test_a_submission_is_a_window_on_its_way_and_answered(tmp_path: Path, window: WindowName, event: Type) -> None:
    client = made(tmp_path)
    sees(client, Op.SUBMIT, event)
    client.expect(Window(window))
    before = client.reached
    sees(client, Op.SUBMIT, event)
    assert (before, client.reached) == (False, True)
