"""The self-proof: every mutant is caught, by the invariant named for it, in a run of the scenarios that users run.

The mutants of one scenario share a session, as several profiles of one user would. The one with which it began is
caught in test_seed_bug.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profiles import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import KINDS, OPERATION, Fault, Victim
from mcp_crashtest.model.plan import Plan
from tests.lab import Done, certify, invariants, named
from tests.mutants.service import serving
from tests.mutants.zoo import MUTANTS

KILLED, RESTARTED = "server-killed-everywhere", "planned-restart"
FROZEN, AFTERLIFE, OPERATED = "server-frozen", "afterlife", "operations-survive"
SEED = "seed_resumable"
AWAY = "server-away"
CAUGHT_BY = {
    "checkpoint_before_data": KILLED,
    "restart_from_zero": KILLED,
    "last_batch_lost": KILLED,
    "orphaned": KILLED,
    "memory_only": KILLED,
    "double_submit": KILLED,
    "graceful_cancels": RESTARTED,
    "hasty_watchdog": FROZEN,
    "forgotten_ids": KILLED,
    "double_run": AWAY,
    "will_not_restart": KILLED,
    "created_anew": KILLED,
    "error_inside": KILLED,
    "evicts_early": AFTERLIFE,
    "late_takeover": KILLED,
    "result_in_memory": AFTERLIFE,
    "forgotten_cancel": OPERATED,
    "deaf_to_cancel": OPERATED,
    "pause_overwritten": OPERATED,
    "unchecked_cancel": OPERATED,
    "forgotten_list": OPERATED,
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with serving():  # for the mutant that has its work done by somebody whom no kill reaches
        yield tmp_path_factory.mktemp("zoo")


@cache
def session(reports: Path, scenario: str) -> Done:
    profiles = [f"--profile={MUTANTS[name].profile}" for name, caught in CAUGHT_BY.items() if caught == scenario]
    return certify(reports / scenario, *profiles, "--scenario", scenario)


def test_every_mutant_has_its_scenario() -> None:
    assert {*CAUGHT_BY, SEED} == set(MUTANTS)


@pytest.mark.parametrize("name", CAUGHT_BY)
def test_a_mutant_is_caught_by_the_invariant_named_for_it(reports: Path, name: str) -> None:
    done = session(reports, CAUGHT_BY[name])
    scenario = named(done, CAUGHT_BY[name], name)
    assert scenario["verdict"] == "FAIL", scenario["reason"]
    assert MUTANTS[name].invariant in invariants(scenario)
    assert done.code == 1


@pytest.mark.parametrize("name", CAUGHT_BY)
def test_a_mutant_is_accused_of_nothing_that_it_does_not_do(reports: Path, name: str) -> None:
    scenario = named(session(reports, CAUGHT_BY[name]), CAUGHT_BY[name], name)
    known = {MUTANTS[name].invariant, *MUTANTS[name].also, "records.count"}
    assert invariants(scenario) <= known


@pytest.mark.parametrize("name", CAUGHT_BY)
def test_the_smallest_failing_plan_of_a_mutant_has_a_single_fault(reports: Path, name: str) -> None:
    scenario = named(session(reports, CAUGHT_BY[name]), CAUGHT_BY[name], name)
    assert all(len(harms(finding["plan"])) <= 1 for finding in scenario["findings"])


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
