"""Records that differ from run to run without any fault are the profile's mistake, and no server is accused of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.steady import Steadiness, differs_in_content_alone, mistake_in
from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Finding, Judgement
from tests.lab import THIRD_PARTY


def outcome(*invariants: str) -> Outcome:
    findings = tuple(Finding(name, "103 records differ from the golden run's", (1,), {}) for name in invariants)
    return Outcome(Plan("undisturbed", "p", ()), Judgement(findings, (), 0), RunFolder(Path("nowhere")))


def test_where_an_undisturbed_run_differs_too_the_line_to_add_is_said() -> None:
    mistake = mistake_in(read_profile(THIRD_PARTY / "crashtest.toml"), outcome("records.content"))
    assert isinstance(mistake, UsageError)
    assert "two undisturbed runs of crashtest do not have the same records" in str(mistake)
    assert str(mistake).endswith("[claims]\n  deterministic = false")


def test_who_differs_behind_a_fault_alone_or_in_more_is_accused_as_ever() -> None:
    assert mistake_in(read_profile(THIRD_PARTY / "crashtest.toml"), outcome()) is None
    assert not differs_in_content_alone(outcome("records.content", "records.lost"))
    assert differs_in_content_alone(outcome("records.content"))


@pytest.mark.asyncio
@pytest.mark.parametrize("differs", [True, False])
async def test_of_runs_that_differ_together_each_waits_for_the_one_that_is_alone(tmp_path: Path, differs: bool) -> None:
    """None of them is held against the server where that one differs too; else each is."""
    profile, steadiness = read_profile(THIRD_PARTY / "crashtest.toml"), Steadiness()
    played: list[Outcome] = []

    def ran(name: str, *invariants: str, plan: Plan) -> Outcome:
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        found = outcome(*invariants)
        folder.save_judgement(found.judgement.to_json())
        return Outcome(plan, found.judgement, folder)

    async def alone() -> Outcome:
        await asyncio.sleep(0)
        found = ("records.content",) if differs else ()
        played.append(ran("alone", *found, plan=Plan("undisturbed", "p", ())))
        return played[-1]

    kill = Plan("kill", "p", (Fault("kill", Victim.SERVER, Batch(3, thousandths=500)),))
    accused = [ran(str(number), "records.content", plan=kill) for number in range(3)]
    said = await asyncio.gather(*[steadiness.mistake(profile, one, alone) for one in accused])
    assert len(played) == 1
    assert [mistake is not None for mistake in said] == [differs] * 3
    assert [one.folder.judgement() is None for one in [*accused, *played]] == [differs] * 4
