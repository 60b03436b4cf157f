"""A kill just before a system call, in a run of the lab: it lands where it is to, is judged, and is told in words.

That whole sweeps find what two stars do not is shown in test_zoo.py; what engines count, in test_syscalls.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.calls import Engine, names, on_files
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Verdict
from tests.lab import ROOT, SMALL, certify, named
from tests.mutants.mutant import EACH_CALL, EACH_OF_RECOVERY
from tests.mutants.zoo import MUTANTS

REFERENCE = ROOT / "scenarios" / "profiles" / "reference-durable.toml"
TWO_STARS = ("--scenario", "server-killed-everywhere", "--scenario", "killed-at-the-edges")


def before(*at: Syscall, engine: Engine = Engine.PRELOAD) -> Plan:
    return Plan("every-call", "2026-07-28", tuple(Fault("kill", Victim.SERVER, one) for one in at), engine=engine)


def played(report: Path, profile: Path, *plans: Plan) -> list[Outcome]:
    with Laboratory(Bundle(report), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(read_profile(profile))
        numbered = list(enumerate(plans, start=1))
        return laboratory.play(bench, "every-call", numbered, lambda *_: None)


def landed(outcome: Outcome) -> Iterator[dict[str, Any]]:
    yield from (dict(event.value) for event in outcome.folder.history().of(Op.FAULT, types=[Type.OK]))


def test_a_flaw_of_some_microseconds_is_found_at_the_call_behind_it_and_told_in_words(tmp_path: Path) -> None:
    profile = MUTANTS["cursor_in_place"].profile
    [outcome] = played(tmp_path, profile, before(Syscall("write *.cursor", 2, "the write of 2 bytes to its cursor")))
    [fault] = landed(outcome)
    assert (fault["name"], fault["size"], fault["kills"]) == ("write *.cursor", 2, 1)
    assert fault["fault"] == "kill server at call 2 of write *.cursor, just before the write of 2 bytes to its cursor"
    assert {finding.invariant for finding in outcome.judgement.findings} == {"effects.rework"}
    kept = outcome.folder.calls(1)
    assert kept.reached == len(kept.calls)
    assert kept.calls[-1].name == "write *.cursor"


def test_the_small_server_is_exact_when_it_is_killed_before_its_answer_and_in_its_recovery(tmp_path: Path) -> None:
    unanswered, again = Syscall("answer", 1), Syscall("call", 1)
    [outcome] = played(tmp_path, SMALL, before(unanswered, again, again))
    assert outcome.verdict is Verdict.PASS, outcome.judgement
    assert next(landed(outcome))["name"] == "answer"
    assert outcome.judgement.kills == 3
    submitted = [event.type for event in outcome.folder.history().of(Op.SUBMIT)]
    assert submitted[:2] == [Type.INVOKE, Type.INFO], "the answer had not left when it was killed"


@pytest.mark.soak
def test_a_call_that_never_comes_proves_nothing(tmp_path: Path) -> None:
    [outcome] = played(tmp_path, SMALL, before(Syscall("rename nowhere", 1)))
    assert outcome.verdict is Verdict.INVALID
    assert "the run was over before this fault could land" in outcome.judgement.unproven[0]


def test_calls_of_a_server_that_the_lab_does_not_start_are_not_counted() -> None:
    profile = read_profile(SMALL)
    elsewhere = replace(profile, subject=replace(profile.subject, command=None, url="http://127.0.0.1:9/mcp"))
    with pytest.raises(UsageError, match="only calls of a server that the lab starts are counted: certify it by comm"):
        Bench(elsewhere).refuse_misplaced(before(Syscall("call", 1)))


BATCHES = 10


@pytest.mark.parametrize(
    "number", [3, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, BATCHES + 2) if n != 3)]
)
def test_a_checkpoint_that_is_torn_is_found_at_each_write_of_its_file(tmp_path: Path, number: int) -> None:
    """The first tutorial system opens its file anew for each batch and when the job is done: it is empty meanwhile."""
    at = Syscall("write checkpoints.json", number)
    [outcome] = played(tmp_path, MUTANTS["seed_resumable"].profile, replace(before(at), protocol="2025-11-25"))
    [fault] = landed(outcome)
    assert (fault["name"], fault["kills"]) == ("write checkpoints.json", 1)
    [finding] = outcome.judgement.findings
    assert finding.invariant == "records.lost"
    assert finding.message.startswith("the job did not resume: it ended with ")
    assert "Expecting value: line 1 column 1" in finding.message, "the file that is read is empty"


# --- whole sessions


@pytest.mark.soak
def test_a_server_that_does_it_right_passes_at_every_call_and_it_is_said_how_many(tmp_path: Path) -> None:
    chosen = ("--scenario", EACH_CALL, "--scenario", EACH_OF_RECOVERY)
    done = certify(tmp_path, "--profile", SMALL, *chosen)
    assert done.code == 0, done.err
    for name, origins in ((EACH_CALL, 0), (EACH_OF_RECOVERY, 11)):
        scenario = named(done, name, "small")
        assert scenario["verdict"] == "PASS"
        said = scenario["notes"][0]
        assert "exhaustive" in said
        kills = scenario["faults_confirmed"] - origins  # those that have shown what a recovery is
        assert f"{kills} kills just before a call, {kills} of them the very one" in said
    assert done.certificate["level"] < 3


@pytest.mark.soak
@pytest.mark.parametrize("name", ["acks_before_commit", "recovers_twice"])
def test_what_two_stars_do_not_see(tmp_path: Path, name: str) -> None:
    done = certify(tmp_path, "--profile", MUTANTS[name].profile, *TWO_STARS)
    assert {scenario["verdict"] for scenario in done.certificate["scenarios"]} == {"PASS"}


@pytest.mark.soak
def test_both_engines_agree_on_the_calls_of_the_reference_server(tmp_path: Path) -> None:
    outcomes = played(
        tmp_path, REFERENCE, *(replace(before(), engine=engine) for engine in (Engine.PRELOAD, Engine.WATCH))
    )
    preload, watch = (names(on_files(outcome.folder.calls(1).calls)) for outcome in outcomes)
    assert len(preload) > 100
    assert preload == watch


@pytest.mark.soak
def test_without_a_compiler_the_scenario_is_not_assessed_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    done = certify(tmp_path, "--profile", SMALL, "--scenario", EACH_CALL)
    scenario = named(done, EACH_CALL, "small")
    assert scenario["verdict"] == "SKIP"
    assert "CC is 'no-such-compiler'" in scenario["reason"]
    assert json.loads(done.out)["level"] == 0
