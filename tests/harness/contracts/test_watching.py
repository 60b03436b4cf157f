"""A call that tells nothing meanwhile: how far it is, a tool or the ledger says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.contracts.observing import in_records
from mcp_crashtest.contracts.watching import Growth
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.ledger import USUAL
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.typed import counted
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.observe_spec import LedgerSpec, ObserveSpec, Unit
from mcp_crashtest.model.operation import Op
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.model.verdict import Verdict
from tests.lab import SMALL, certify

SILENT = SMALL.with_name("silent.toml")


def test_a_ledger_that_grows_is_read_line_by_line_and_a_torn_one_later(tmp_path: Path) -> None:
    growth = Growth(tmp_path / "ledger", USUAL)
    assert growth.records("c") == 0
    with (tmp_path / "ledger").open("a", buffering=1) as ledger:
        ledger.write('{"task": "t", "record": 1}\n{"task": "u", "record": 1}\n{"task": "u", "rec')
        assert growth.records("c") == 1
        ledger.write('ord": 2}\nnot json\n')
        assert growth.records("c") == 2
        ledger.write('{"task": "c", "record": 9}\n')
        assert growth.records("c") == 1  # this job is named there: the others are others


def test_a_ledger_without_tasks_belongs_to_the_one_job(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text('{"key": 1}\n{"key": 2}\n')
    assert Growth(tmp_path / "ledger", LedgerSpec("$.key", None)).records("c") == 2


@pytest.mark.parametrize(("done", "records"), [(0, 0), (1, 10), (10, 100), (11, 103), (12, 120)])
def test_batches_are_whole_but_for_the_last(done: int, records: int) -> None:
    observe = ObserveSpec(unit=Unit.BATCHES)
    assert in_records(done, 10.3, observe, 103) == records


@pytest.mark.parametrize(
    ("done", "total", "records", "batch", "meant"),
    [
        (88, 100, 90, 10, 80),  # 88.9 rounded down
        (89, 100, 90, 10, 80),  # and to the nearest
        (62, 100, 110, 11, 68),  # no batch ends there
        (63, 100, 110, 10, 70),
        (100, 100, 103, 10, 103),
        (97, 100, 103, 10, 100),
        (88.5, 100, 90, 10, 80),  # no whole percent is what it says
        (80, 100, 100, 7, 80),  # records, by their number
        (0.97, 1, 103, 10, 100),
        (0, 100, 103, 10, 0),
        (88, 100, 1000, 5, 880),
    ],
)
def test_a_whole_percent_is_the_end_of_the_batch_that_it_may_stand_for(
    done: float, total: float, records: int, batch: int, meant: int
) -> None:
    assert in_records(done, total, ObserveSpec(), records, batch) == meant


def test_how_many_batches_there_are_the_size_of_the_job_says() -> None:
    profile = read_profile(SILENT)
    assert counted(profile, Workload(103, 10)).observe.total == 10.3
    assert counted(read_profile(SMALL), Workload(103, 10)) == read_profile(SMALL)


@pytest.mark.parametrize("name", ["silent", pytest.param("silent-ledger", marks=pytest.mark.soak)])
def test_progress_that_is_asked_for_lets_a_kill_land_where_it_was_meant_to(tmp_path: Path, name: str) -> None:
    fault = Fault("kill", Victim.SERVER, Batch(3, Phase.OBSERVED))
    with Laboratory(Bundle(tmp_path), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(read_profile(SILENT.with_name(f"{name}.toml")))
        plan = Plan("kill", bench.protocols[0], (fault,))
        [outcome] = laboratory.play(bench, "kill", [(1, plan)], lambda *_: None)
    assert outcome.judgement.verdict is Verdict.PASS, outcome.judgement
    history = outcome.folder.history()
    before = [seen.value["done"] for seen in history.of(Op.PROGRESS) if seen.i < next(history.of(Op.FAULT)).i]
    steps = [done for done in before if done]  # on a busy machine it is asked before there is any, or a batch is missed
    assert len(steps) > 1
    assert set(steps) <= {5, 10, 15, 20}
    assert steps[-1] in (15, 20)


@pytest.mark.soak
@pytest.mark.parametrize("name", ["silent", "silent-ledger"])
@pytest.mark.timeout(600)
def test_a_call_that_tells_nothing_is_certified(tmp_path: Path, name: str) -> None:
    done = certify(tmp_path, "--profile", SILENT.with_name(f"{name}.toml"))
    assert (done.code, done.certificate["level"]) == (0, 2), done.out + done.err
