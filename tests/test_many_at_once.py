"""Many jobs at once in real servers: some of each, or one behind the other, is right; and who cannot have many."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.model.companions import Companion, why_alone
from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Verdict
from tests.lab import ROOT, SMALL, certify, named
from tests.mutants.mutant import MANY
from tests.test_every_call import played
from tests.test_two_servers import variant

FAULT = Fault("kill", Victim.SERVER, Batch(3, thousandths=500))


def test_eight_jobs_are_done_one_behind_the_other_over_a_kill(tmp_path: Path) -> None:
    plan = Plan(MANY, "2026-07-28", (FAULT,), companion=Companion.CROWD)
    [outcome] = played(tmp_path / "report", variant(tmp_path, "in_turn"), plan)
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    history = outcome.folder.history()
    assert len({event.task for event in history.of(Op.SUBMIT, types=[Type.OK])}) == 8
    assert len({event.task for event in history.of(Op.OUTPUT, types=[Type.OK])}) == 8
    [effects] = history.of(Op.EFFECTS)
    assert len({task for task, _, _ in effects.value["executions"]}) == 8


def test_many_jobs_need_a_key_each_and_go_on_in_the_background() -> None:
    profile = read_profile(SMALL)
    assert why_alone(profile, Companion.CROWD) is None
    keyless = replace(profile, contract=replace(profile.contract, arguments={"total": "{total_records}"}))
    assert why_alone(keyless, Companion.CROWD) == (
        "nothing tells many jobs from each other: put {client_id} among the arguments"
    )
    blocking = read_profile(ROOT / "scenarios" / "profiles" / "reference-resumable.toml")
    assert "this one is a single call" in (why_alone(blocking, Companion.CROWD) or "")


# --- whole sessions


@pytest.mark.soak
@pytest.mark.parametrize("name", ["server", "in_turn"])
def test_servers_that_keep_many_jobs_apart_pass(tmp_path: Path, name: str) -> None:
    done = certify(tmp_path / "report", "--profile", variant(tmp_path, name), "--scenario", MANY)
    assert done.code == 0, done.err
    scenario = named(done, MANY, name)
    assert (scenario["verdict"], scenario["runs"]) == ("PASS", 6)
