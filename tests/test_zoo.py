"""The self-proof: every mutant is caught, by the invariant named for it, in a run of the scenarios that users run.

The mutants of one scenario share a session, as several profiles of one user would. ``make test`` plays one mutant for
most invariants, ``make soak`` the others. The one with which it began is caught in test_seed_bug.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import KINDS, OPERATION, Fault, Victim
from mcp_crashtest.model.plan import Plan
from tests.client_mutants.zoo import CLIENT_MUTANTS
from tests.lab import Done, certify, invariants, named
from tests.mutants.service import serving
from tests.mutants.zoo import MUTANTS
from tests.zoo_page import MUST, PAGE, marks_on, text

SEED = "seed_resumable"
HERE = {name: mutant for name, mutant in MUTANTS.items() if name != SEED}
ALIKE = {"stream_from_start", "stream_of_session"}  # as dear as the one that stands for them, and in the same scenario
FIRST = set({mutant.invariant: name for name, mutant in reversed(HERE.items())}.values()) - ALIKE
EACH = [pytest.param(name, marks=() if name in FIRST else pytest.mark.soak) for name in HERE]
PAGE_SAYS = marks_on(PAGE.read_text(encoding="utf-8"))
SEEDS = range(1, 11)
OPTIONS = "--listen-fd {listen_fd} --state-dir {state_dir} --effects-file {ledger}"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with serving():  # for the mutant that has its work done by somebody whom no kill reaches
        yield tmp_path_factory.mktemp("zoo")


@cache
def session(reports: Path, scenario: str, *, soak: bool) -> Done:
    """That of the mutants that stand for their invariant, or that of the others."""
    mine = [mutant for name, mutant in HERE.items() if (mutant.scenario, name not in FIRST) == (scenario, soak)]
    profiles = [f"--profile={mutant.profile}" for mutant in mine]
    return certify(reports / f"{scenario}-{soak}", *profiles, "--scenario", scenario, "--jobs", 2)


def session_of(reports: Path, name: str) -> Done:
    return session(reports, HERE[name].scenario, soak=name not in FIRST)


def caught(reports: Path, name: str) -> dict[str, Any]:
    """What the session of its scenario has shown of a mutant."""
    return named(session_of(reports, name), HERE[name].scenario, name)


@pytest.mark.parametrize("name", EACH)
def test_a_mutant_is_caught_by_the_invariant_named_for_it(reports: Path, name: str) -> None:
    scenario = caught(reports, name)
    assert scenario["verdict"] == "FAIL", scenario["reason"]
    assert MUTANTS[name].invariant in invariants(scenario)
    assert session_of(reports, name).code == 1


@pytest.mark.parametrize("name", EACH)
def test_a_mutant_is_accused_of_nothing_that_it_does_not_do(reports: Path, name: str) -> None:
    found = invariants(caught(reports, name))
    assert found <= {MUTANTS[name].invariant, *MUTANTS[name].also}


@pytest.mark.parametrize("name", EACH)
def test_what_was_found_stands_in_the_page_of_mutants_and_invariants(reports: Path, name: str) -> None:
    found = invariants(caught(reports, name))
    assert {invariant for invariant, mark in PAGE_SAYS[name].items() if mark == MUST} <= found <= set(PAGE_SAYS[name])


def test_the_page_is_what_the_zoo_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == text(), "python -m tests.zoo_page writes it anew"
    assert set(PAGE_SAYS) == {*MUTANTS, *CLIENT_MUTANTS}


@pytest.mark.parametrize("name", EACH)
def test_the_smallest_failing_plan_of_a_mutant_has_a_single_fault(reports: Path, name: str) -> None:
    most = MUTANTS[name].faults
    assert all(len(harms(finding["plan"])) <= most for finding in caught(reports, name)["findings"])


@pytest.mark.soak
def test_what_needs_two_kills_in_a_row_is_not_seen_after_one(reports: Path) -> None:
    findings = caught(reports, "exclusive_epoch")["findings"]
    assert all(len(harms(finding["plan"])) > 1 for finding in findings)


def test_a_call_that_mutants_change_passes_as_it_is(tmp_path: Path) -> None:
    mutant = MUTANTS["late_return"]
    command = f"{{python}} {mutant.profile.with_name('call.py')} {OPTIONS}"
    done = certify(tmp_path, "--profile", mutant.profile, "--command", command, "--scenario", mutant.scenario)
    [scenario] = done.certificate["scenarios"]
    assert scenario["verdict"] == "PASS", scenario["reason"]


@pytest.mark.soak
def test_a_window_of_a_few_milliseconds_is_found_with_nine_of_ten_seeds(tmp_path: Path) -> None:
    mutant = MUTANTS["narrow_window"]
    wanted = ("--profile", mutant.profile, "--scenario", mutant.scenario, "--seed")
    sessions = [named(certify(tmp_path / str(seed), *wanted, seed), mutant.scenario, mutant.name) for seed in SEEDS]
    assert sum(mutant.invariant in invariants(scenario) for scenario in sessions) >= 9


def harms(plan: Mapping[str, Any]) -> list[str]:
    """The faults of a plan that are no operations: an operation by itself is no harm."""
    return [fault["kind"] for fault in plan["faults"] if KINDS[fault["kind"]].family != OPERATION]


def test_progress_that_is_undone_by_a_crash_is_seen(tmp_path: Path) -> None:
    at = Batch(9, Phase.ACKNOWLEDGED)
    plan = Plan("kill", "2026-07-28", (Fault("kill", Victim.SERVER, at),))
    with Laboratory(Bundle(tmp_path), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(read_profile(MUTANTS["restart_from_zero"].profile))
        [outcome] = laboratory.play(bench, "kill", [(1, plan)], lambda *_: None)
    assert {f.invariant for f in outcome.judgement.findings} == {"effects.rework", "progress.regressed"}
