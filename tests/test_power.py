"""The power fails, in runs of the lab: what was not synced is gone, and who had promised it is found out.

That each mutant is caught is shown in test_zoo.py; what a disk may lose, in test_disks.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.calls import Engine
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.losses import POWER, Data, Disk, Loss, Names, Sabotage
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Verdict
from tests.lab import ROOT, SMALL, certify, lab, named
from tests.mutants.mutant import EACH_CALL
from tests.mutants.mutant import POWER as POWER_LOSS
from tests.mutants.zoo import MUTANTS
from tests.mutants.zoo_of_power import OF_POWER

ON_FILES = SMALL.with_name("on_files.toml")
REFERENCE = ROOT / "scenarios" / "profiles" / "reference-durable.toml"
SABOTAGE = "sabotage-noticed"
LOWER = ("--scenario", "server-killed-everywhere", "--scenario", "killed-at-the-edges", "--scenario", EACH_CALL)


def cut(at: Syscall, loss: Loss) -> Plan:
    fault = Fault(POWER, Victim.SERVER, at, settings=loss.to_settings())
    return Plan(POWER_LOSS, "2026-07-28", (fault,), engine=Engine.RECORD)


def played(report: Path, profile: Path, *plans: Plan) -> list[Outcome]:
    with Laboratory(Bundle(report), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(read_profile(profile))
        numbered = list(enumerate(plans, start=1))
        return laboratory.play(bench, POWER_LOSS, numbered, lambda *_: None)


def landed(outcome: Outcome) -> Iterator[dict[str, Any]]:
    yield from (dict(event.value) for event in outcome.folder.history().of(Op.FAULT, types=[Type.OK]))


SECOND_WRITE = Syscall("write *.new", 2)
SYNCED = Loss(Disk.STRICT)


def test_a_rename_that_nobody_has_synced_is_none_when_the_power_fails(tmp_path: Path) -> None:
    [outcome] = played(tmp_path, MUTANTS["moves_unsynced"].profile, cut(SECOND_WRITE, SYNCED))
    [fault] = landed(outcome)
    assert "the power failed: nothing left that was not synced" in fault["reason"]
    assert fault["reason"].count("(gone)") == 2, "the job's file, and the new one"
    [vanished] = [one for one in outcome.judgement.findings if one.invariant == "task.vanished"]
    assert "fsync of its folder" in str(vanished.advice)
    records, unexplained = outcome.folder.writes(1)
    assert records
    assert unexplained == []


def test_one_that_was_synced_is_there_and_what_was_not_is_lost_without_harm(tmp_path: Path) -> None:
    torn = Loss(data=Data.TORN, names=Names.ALL)
    early = Loss(sabotage=Sabotage.DROPPED_SYNC)
    kept, harmless, betrayed = played(
        tmp_path,
        ON_FILES,
        cut(SECOND_WRITE, SYNCED),
        cut(Syscall("fsync *.new", 2), torn),
        cut(SECOND_WRITE, early),
    )
    assert (kept.verdict, harmless.verdict, betrayed.verdict) == (Verdict.PASS, Verdict.PASS, Verdict.FAIL)
    assert not kept.folder.writes_file(1).exists(), "a list of what was written suffices"
    assert kept.folder.writes_file(1).with_suffix(".jsonl").exists()


def test_who_does_not_start_behind_a_cut_after_the_end_is_found_too(tmp_path: Path) -> None:
    torn = Loss(sabotage=Sabotage.TORN_WRITE)
    plan = Plan(POWER_LOSS, "2026-07-28", (), afterlife=True, cut=torn, engine=Engine.RECORD)
    [outcome] = played(tmp_path, ON_FILES, plan)
    assert [one.invariant for one in outcome.judgement.findings] == ["recovery.loop"]
    assert outcome.judgement.kills == 1


def test_a_cut_needs_somebody_who_records() -> None:
    with pytest.raises(UsageError, match="needs the engine that keeps what is written: record"):
        Plan(POWER_LOSS, "2026-07-28", cut(SECOND_WRITE, SYNCED).faults, engine=Engine.PRELOAD)


def test_numbers_that_say_no_loss_are_no_fault() -> None:
    with pytest.raises(UsageError, match="says no loss"):
        Fault(POWER, Victim.SERVER, SECOND_WRITE, settings={"data": 12.0})


# --- whole sessions


@pytest.mark.soak
@pytest.mark.parametrize("profile", [SMALL, ON_FILES, SMALL.with_name("rollback.toml")])
def test_servers_that_sync_what_they_acknowledge_hold_and_the_test_is_not_blind(tmp_path: Path, profile: Path) -> None:
    done = certify(tmp_path, "--profile", profile, "--scenario", POWER_LOSS, "--scenario", SABOTAGE)
    assert done.code == 0, done.err
    power, sabotage = (named(done, scenario, profile.stem) for scenario in (POWER_LOSS, SABOTAGE))
    assert f"held in {power['faults_confirmed']} states" in power["notes"][0]
    assert [(one["tried"], one["noticed"]) for one in sabotage["sabotage"]] == [(3, 3)] * 3
    assert lab("recheck", tmp_path).code == 0, "nobody is judged by sabotage"


@pytest.mark.soak
def test_where_no_sabotage_is_noticed_the_test_is_blind_and_says_so(tmp_path: Path) -> None:
    """Its job is one call that tells nothing, and without a ledger nobody knows how often it was done."""
    profile = tmp_path / "blind.toml"
    telling = ("status =", "progress =", "unit =", "ledger =")
    lines = SMALL.with_name("silent.toml").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith(telling))
    profile.write_text(text.replace("{here}", str(SMALL.parent)).replace("{ledger}", "{state_dir}/unseen"))
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", SABOTAGE)
    scenario = named(done, SABOTAGE, "blind")
    assert scenario["verdict"] == "SKIP"
    assert scenario["reason"].startswith("the test was blind here: dropped fsync: noticed in 0 of 3")


@pytest.mark.soak
@pytest.mark.parametrize("name", [mutant.name for mutant in OF_POWER])
def test_what_no_kill_finds(tmp_path: Path, name: str) -> None:
    done = certify(tmp_path, "--profile", MUTANTS[name].profile, *LOWER)
    assert {scenario["verdict"] for scenario in done.certificate["scenarios"]} == {"PASS"}


@pytest.mark.soak
def test_the_reference_server_holds_whatever_the_power_leaves(tmp_path: Path) -> None:
    done = certify(tmp_path, "--profile", REFERENCE, "--scenario", POWER_LOSS)
    assert done.code == 0, done.err
