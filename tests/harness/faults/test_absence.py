"""A server is killed and stays away: what grows meanwhile is found, and a store that stands still is no matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.faults.absence import ServerAway
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.coordinates import Batch, Moment, Phase, Since
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import Op, Operation
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Verdict
from tests.harness.stage.scripted import scripted
from tests.lab import SMALL, smaller
from tests.mutants.service import serving
from tests.mutants.zoo import MUTANTS

AWAY = Fault("kill", Victim.SERVER, Batch(2, Phase.OBSERVED), until=Moment(2000 // 10, Since.FAULT))
MUTANT = MUTANTS["double_run"]


def away_of(outcome: Outcome) -> Operation:
    [away] = outcome.folder.history().of(Op.AWAY)
    return away


def killed(profile: Path, folder: Path) -> Outcome:
    """Played once: killed behind its second batch, and away for two."""
    with Laboratory(Bundle(folder), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(read_profile(profile))
        plan = Plan("away", bench.protocols[0], (AWAY,))
        [outcome] = laboratory.play(bench, "away", [(1, plan)], lambda *_: None)
    return outcome


def test_a_service_that_works_on_while_its_server_is_dead_is_found(tmp_path: Path) -> None:
    with serving():
        outcome = killed(MUTANT.profile, tmp_path)
    found = {finding.invariant: finding for finding in outcome.judgement.findings}
    assert "fencing.double-run" in found, outcome.judgement
    assert set(found) <= {MUTANT.invariant, *MUTANT.also}
    assert ".rows changed meanwhile" in found["fencing.double-run"].message
    assert away_of(outcome).value["away_s"] > 0


def test_a_server_that_is_dead_as_a_whole_has_a_store_that_stands_still(tmp_path: Path) -> None:
    outcome = killed(smaller(SMALL, tmp_path, 100), tmp_path / "report")
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    assert away_of(outcome).value["grew"] == []


@pytest.mark.parametrize(("name", "counts"), [("rows", True), ("db-wal", True), ("db-shm", False), ("a/b", True)])
def test_every_file_of_the_store_is_looked_at_but_shared_memory(tmp_path: Path, name: str, counts: bool) -> None:
    made = scripted(Plan("s", "p", (AWAY,)), tmp_path)
    path = made.site.folder.state_dir / name
    path.parent.mkdir(parents=True)
    before = ServerAway.begun(made.stage, 1).files
    path.write_text("grown")
    after = ServerAway.begun(made.stage, 1).files
    assert set(after) - set(before) == ({f"state/{name}"} if counts else set())
