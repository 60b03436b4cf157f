"""Two real servers on one store: whoever shares it, or says clearly that he does not, passes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_crashtest.contracts.job import Job
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import REPLACE, TWINS, Fault, Victim
from mcp_crashtest.model.operation import Op
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.stage.client_process import ClientProcess, Listener
from mcp_crashtest.stage.hosting import Hosting
from mcp_crashtest.subjects.proc import locks_others_out
from tests.lab import ROOT, SMALL, certify, named
from tests.mutants.mutant import REPLACED, TWO_AT_ONCE
from tests.mutants.zoo_of_processes import OF_PROCESSES
from tests.test_every_call import TWO_STARS, played

BOTH = ("--scenario", REPLACED, "--scenario", TWO_AT_ONCE)
REFUSING_S = 0.5
SHARED = "[claims]\nshared_store = true\nlease_s = 0.5\n\n[workload]"


def variant(folder: Path, name: str, claims: str = "[workload]") -> Path:
    """The small server's profile with another one of its kind."""
    text = SMALL.read_text(encoding="utf-8").replace("{here}/server.py", str(SMALL.with_name(f"{name}.py")))
    path = folder / f"{name}.toml"
    path.write_text(text.replace("[workload]", claims), encoding="utf-8")
    return path


def plan(kind: str) -> Plan:
    return Plan(kind, "2026-07-28", (Fault(kind, Victim.SERVER, Batch(2, thousandths=500)),))


def test_a_frozen_server_is_replaced_and_goes_on_beside_the_other_one(tmp_path: Path) -> None:
    [outcome] = played(tmp_path / "report", variant(tmp_path, "leased", SHARED), plan(REPLACE))
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    history = outcome.folder.history()
    assert [event.value["what"] for event in history.of(Op.BESIDE)] == ["took over"]
    assert len({event.value["url"] for event in history.of(Op.BOOT)}) == 2
    assert sorted(event.value["how"] for event in history.of(Op.DEATH) if event.value["of"] == "server") == [
        "SIGKILL",
        "SIGKILL",
    ]


def test_who_refuses_while_the_client_starts_is_not_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(hosting: Hosting, job: Job, log: Path, listener: Listener) -> ClientProcess:
        process = await start(hosting, job, log, listener)
        if log.name == "client-1.log":
            await asyncio.sleep(REFUSING_S)  # as on a loaded machine: the other one is gone before
        return process

    start = Hosting.start
    monkeypatch.setattr(Hosting, "start", slowly)
    [outcome] = played(tmp_path / "report", variant(tmp_path, "locked"), plan(REPLACE))
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    assert [event.value["what"] for event in outcome.folder.history().of(Op.BESIDE)] == ["refused"]


def test_one_of_two_that_are_started_at_once_may_wait_until_it_is_alone(tmp_path: Path) -> None:
    """Whichever of them has the lock does the job, and the client goes over to it."""
    for outcome in played(tmp_path / "report", variant(tmp_path, "waits"), *[plan(TWINS)] * 4):
        beside = [event.value for event in outcome.folder.history().of(Op.BESIDE)]
        assert outcome.verdict is Verdict.PASS, (outcome.judgement, beside)
        assert [event["what"] for event in beside] == ["took over"]


@pytest.mark.soak
def test_of_two_that_are_started_at_once_one_may_refuse_and_says_why(tmp_path: Path) -> None:
    [outcome] = played(tmp_path / "report", variant(tmp_path, "locked"), plan(TWINS))
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    words = [event.value["last_words"] for event in outcome.folder.history().of(Op.BESIDE) if "how" in event.value]
    assert len(words) == 1
    assert "is the store of another server" in words[0]


def test_whoever_commits_has_a_lock_that_keeps_others_out(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as database:
        database.execute("CREATE TABLE rows (n)")
        assert not locks_others_out({os.getpid()})
        database.execute("BEGIN IMMEDIATE")
        assert locks_others_out({os.getpid()})
        assert not locks_others_out({os.getpid() + 1})
        database.execute("COMMIT")
        assert not locks_others_out({os.getpid()})


def test_two_servers_need_an_address_each_and_no_pipes() -> None:
    profile = read_profile(SMALL)
    fixed = replace(profile.subject, command="server --port 8000", url="http://127.0.0.1:8000/mcp")
    with pytest.raises(UsageError, match=r"two servers at once need an address each: give \[subject\] command"):
        Bench(replace(profile, subject=fixed)).refuse_misplaced(plan(REPLACE))
    piped = replace(profile.subject, command="server", url=None)
    with pytest.raises(UsageError, match="that is old-and-new-at-once"):
        Bench(replace(profile, subject=piped)).refuse_misplaced(plan(REPLACE))


# --- whole sessions


@pytest.mark.soak
@pytest.mark.parametrize(("name", "claims"), [("locked", "[workload]"), ("leased", SHARED)])
def test_a_server_that_refuses_and_one_that_shares_pass(tmp_path: Path, name: str, claims: str) -> None:
    done = certify(tmp_path / "report", "--profile", variant(tmp_path, name, claims), *BOTH)
    assert done.code == 0, done.err
    for scenario in (REPLACED, TWO_AT_ONCE):
        shown = named(done, scenario, "small" if name == "small" else name)
        assert shown["verdict"] == "PASS", shown["reason"]
        assert shown["faults_confirmed"] == shown["runs"]
    said = named(done, REPLACED, name)["notes"][0]
    assert ("refused to live beside the other" if name == "locked" else "work was done while both lived in 6") in said


@pytest.mark.soak
@pytest.mark.parametrize("name", [mutant.name for mutant in OF_PROCESSES])
def test_what_two_stars_do_not_see(tmp_path: Path, name: str) -> None:
    done = certify(tmp_path, "--profile", ROOT / "tests" / "mutants" / f"{name}.toml", *TWO_STARS)
    assert {scenario["verdict"] for scenario in done.certificate["scenarios"]} == {"PASS"}
