"""Who asks something about a task bears it that the server is not ready, as the client that follows it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from mcp_crashtest.contracts.contract import Refused
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile, Workload
from mcp_crashtest.model.subject_spec import SubjectSpec
from mcp_crashtest.stage.operator import Operator
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.subject import Subject
from tests.harness.stage.scripted import scripted

JOB = Job("u", "p", ContractKind.TOOL_TASK, "work", {}, ObserveSpec(), 3, 1.0, handle="7")


@dataclass(slots=True)
class ToldByTurns(Operator):
    """Asks for the list, and is told these things."""

    told: list[str] = field(default_factory=list)

    async def _list(self, handle: str) -> str:
        said = self.told.pop(0)
        if said != "answered":
            raise Refused(said)
        return said

    async def _is_over(self, handle: str) -> bool:
        return False

    async def _refuse_misfit(self, name: str, said: str) -> None:
        pass


@pytest.mark.parametrize(
    ("said", "landed"),
    [
        (["still reading the books, line 3 of 10", "still loading", "answered"], True),
        (["only the king may see it", "answered"], False),
    ],
)
@pytest.mark.asyncio
async def test_a_server_that_is_not_ready_is_asked_again(said: list[str], landed: bool, tmp_path: Path) -> None:
    spec = SubjectSpec("serve {port}", "u")
    profile = Profile("p", spec, ContractSpec(ContractKind.TOOL_TASK, "work"), workload=Workload(3, 1))
    subject = Subject(profile, cast(Spawner, None), RunFolder(tmp_path), "run", profile.workload)
    stage = scripted(Plan("s", "p", ()), tmp_path).stage
    stage._silence.moved()
    asking = ToldByTurns(subject, stage, lambda: JOB, told=[*said])
    proof = await asking.operate("list")
    assert proof is not None
    assert proof.confirmed is landed
