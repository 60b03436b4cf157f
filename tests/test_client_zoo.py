"""The self-proof for clients: every client mutant is caught by the invariant named for it, and a faultless one passes.

In a run of the scenarios that users run, as a user runs them.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.operation import History, Op, Operation
from tests import evidence
from tests.client_mutants.zoo import CLIENT_MUTANTS, EVERYWHERE, FAULTLESS, write_profile
from tests.lab import SMALL, Done, certify, invariants, lab, named


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clients")


@cache
def session(reports: Path, scenario: str) -> Done:
    names = [name for name, mutant in CLIENT_MUTANTS.items() if mutant.scenario == scenario]
    profiles = [f"--profile={write_profile(name, reports)}" for name in names]
    return certify(reports / scenario, *profiles, "--quick", "--scenario", scenario, "--jobs", 2)


@pytest.mark.parametrize("name", CLIENT_MUTANTS)
def test_a_client_mutant_is_caught_by_the_invariant_named_for_it(reports: Path, name: str) -> None:
    mutant = CLIENT_MUTANTS[name]
    done = session(reports, mutant.scenario)
    scenario = named(done, mutant.scenario, name)
    assert scenario["verdict"] == "FAIL", scenario["reason"]
    assert mutant.invariant in invariants(scenario)
    assert done.code == 1


@pytest.mark.parametrize("name", CLIENT_MUTANTS)
def test_a_client_mutant_is_accused_of_nothing_that_it_does_not_do(reports: Path, name: str) -> None:
    mutant = CLIENT_MUTANTS[name]
    scenario = named(session(reports, mutant.scenario), mutant.scenario, name)
    assert invariants(scenario) <= {mutant.invariant, *mutant.also}


@pytest.mark.parametrize(("depth", "stars"), [("--quick", 1), pytest.param("--level=3", 3, marks=pytest.mark.soak)])
def test_a_small_client_that_does_it_right_passes(reports: Path, depth: str, stars: int) -> None:
    done = certify(reports / FAULTLESS, "--profile", write_profile(FAULTLESS, reports), depth)
    assert done.code == 0, done.out + done.err
    assert done.certificate["verdict"] == "PASS"
    assert done.certificate["level"] == stars
    assert done.certificate["faults"]["kills"] > 4 * stars
    assert lab("recheck", reports / FAULTLESS).code == 0
    for history in evidence.histories(reports / FAULTLESS):
        assert evidence.kills_without_times(history) == []
        assert evidence.lives_without_an_end(history) == set()
        clients = {o.value["name"] for o in history.of(Op.CLIENT)}
        assert {o.value["name"] for o in history.of(Op.DEATH) if o.value["of"] == "client"} == clients
        assert {o.life for o in history.of(Op.READY)} <= {o.life for o in history.of(Op.BOOT)}
        assert next(history.of(Op.READY)).value["to"] in clients
        doors = [o.value["what"] for o in history.of(Op.RELAY)]
        assert doors.count("open") == len(list(history.of(Op.BOOT)))
        assert doors.count("shut") == doors.count("open")
    held = {o.value["window"] for h in evidence.histories(reports / FAULTLESS) for o in held_back(h)}
    assert held
    assert held <= {"asking", "submission-unanswered"}


def held_back(history: History) -> list[Operation]:
    """What the relay did not pass on."""
    return [o for o in history.of(Op.RELAY) if o.value["what"] == "held"]


def test_a_finding_about_a_client_is_replayed_and_judged_again(reports: Path) -> None:
    session(reports, EVERYWHERE)
    report = reports / EVERYWHERE
    assert lab("recheck", report).code == 1
    found = next(s for s in session(reports, EVERYWHERE).certificate["scenarios"] if s["profile"] == "no_state")
    run = Path(found["findings"][0]["replay"].split()[-1])
    done = lab("replay", run, "--report-dir", reports / "replay")
    assert done.code == 1, done.out + done.err
    assert "client.reattach" in done.out


def test_a_client_that_its_launcher_sends_out_of_the_process_group_makes_the_run_invalid(reports: Path) -> None:
    profile = write_profile(FAULTLESS, reports)
    command = tomllib.loads(profile.read_text())["client"]["command"]
    escaping = f"sh -c 'setsid {command} & wait'"
    done = certify(
        reports / "escaped", "--profile", profile, "--command", escaping, "--quick", "--scenario", EVERYWHERE
    )
    scenario = named(done, EVERYWHERE, FAULTLESS)
    assert done.code == 4, done.out
    assert scenario["verdict"] == "INVALID"
    assert "is outside its process group, and was alive when the group was gone" in scenario["reason"]


def test_a_plan_for_clients_is_not_played_with_a_server(reports: Path) -> None:
    session(reports, EVERYWHERE)
    run = Bundle(reports / EVERYWHERE).runs(EVERYWHERE)[0].path
    done = lab("replay", run, "--profile", SMALL, "--report-dir", reports / "misplaced")
    assert done.code == 2
    assert "this plan is for a client" in done.err


def test_a_servers_scenarios_are_skipped_for_a_client_and_a_clients_for_a_server(reports: Path) -> None:
    client = write_profile(FAULTLESS, reports)
    wanted = ("--scenario", "undisturbed", "--scenario", "client-undisturbed")
    done = certify(reports / "both-kinds", "--profile", client, "--profile", SMALL, *wanted)
    assert done.code == 0, done.out + done.err
    verdicts = {(s["id"], s["profile"]): (s["verdict"], s["reason"]) for s in done.certificate["scenarios"]}
    assert verdicts == {
        ("undisturbed", "small"): ("PASS", ""),
        ("client-undisturbed", FAULTLESS): ("PASS", ""),
        ("undisturbed", FAULTLESS): ("SKIP", "this scenario is for servers, and the subject is a client"),
        ("client-undisturbed", "small"): ("SKIP", "this scenario is for clients, and the subject is a server"),
    }
    assert [cap for cap in done.certificate["caps"] if "not run" in cap] == []
