"""Jobs that cannot be done, in real servers: the others go on, whatever becomes of those."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import POISON, Fault, Victim
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Verdict
from tests.lab import SMALL, certify, named
from tests.mutants.mutant import POISONED
from tests.test_every_call import played
from tests.test_two_servers import variant

PLAN = Plan(POISONED, "2026-07-28", (Fault(POISON, Victim.CLIENT, Batch(2, thousandths=500)),))
WAYS = {"raises": -1, "exits": -2, "hangs": -3}


def poisonous(folder: Path, way: str) -> Path:
    path = variant(folder, "poisonous")
    asked = f'poison = {{ tool = "start", arguments = {{ key = "{{client_id}}", total = {WAYS[way]}, batch = 5 }} }}'
    path.write_text(path.read_text(encoding="utf-8").replace("\n[observe]", f"{asked}\n\n[observe]"), encoding="utf-8")
    return path


@pytest.mark.parametrize("way", ["exits", *(pytest.param(way, marks=pytest.mark.soak) for way in ("raises", "hangs"))])
def test_a_job_that_cannot_be_done_does_no_harm_to_another(tmp_path: Path, way: str) -> None:
    [outcome] = played(tmp_path / "report", poisonous(tmp_path, way), PLAN)
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    history = outcome.folder.history()
    assert [event.type for event in history.of(Op.POISON)] == [Type.INVOKE, Type.OK]
    ends = [event.value["how"] for event in history.of(Op.OUTAGE) if event.value["what"] == Op.EXIT]
    assert ends == (["exit code 3"] if way == "exits" else [])


def test_it_is_a_job_that_the_profile_names() -> None:
    with pytest.raises(UsageError, match=r"\[contract\] poison = \{ tool, arguments \}"):
        Bench(read_profile(SMALL)).refuse_misplaced(PLAN)


# --- whole sessions


@pytest.mark.soak
def test_who_finds_his_way_out_passes_and_who_names_no_such_job_is_told(tmp_path: Path) -> None:
    done = certify(tmp_path / "one", "--profile", poisonous(tmp_path, "exits"), "--scenario", POISONED)
    assert (done.code, named(done, POISONED, "poisonous")["verdict"]) == (0, "PASS"), done.err
    done = certify(tmp_path / "other", "--profile", SMALL, "--scenario", POISONED)
    scenario = named(done, POISONED, "small")
    assert scenario["verdict"] == "SKIP"
    assert "poison = { tool, arguments }" in scenario["reason"]
