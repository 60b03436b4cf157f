"""The plans of seven profiles and five seeds, as the last version with plan format 1 made them.

Those of clients are made today too, but the random ones. Those of servers are placed otherwise now; the old ones are
still read and played.

``format_1/<profile>.txt`` has them, a line each: the protocol, then each fault as action, victim, batch, phase. A line
``# scenario seed`` stands before the plans of each scenario; the seed is ``every`` where it makes no difference.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory, Numbered
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.trial import Trial
from mcp_crashtest.model.plan import Plan

FIXTURES = Path(__file__).resolve().parent / "format_1"
PROFILES = Path(__file__).resolve().parents[3] / "scenarios" / "profiles"
SEEDS = range(5)
AT_RANDOM = "client-dies-at-random"
CLIENTS = sorted(path.stem for path in PROFILES.glob("client-*.toml"))
LATER = {"reference-stdio", "reference-postgres", "reference-three"}  # profiles that there were not yet
SERVERS = sorted({path.stem for path in PROFILES.glob("reference-*.toml")} - LATER)


class Recording(Trial):
    """A trial that plays nothing and keeps what it was to play."""

    def _play(self, numbered: Sequence[Numbered]) -> list[Outcome]:
        self.kept = [plan for _, plan in numbered]
        return []


def saved(profile: str) -> dict[tuple[str, str], list[Plan]]:
    """The plans in a fixture, by scenario and seed."""
    found: dict[tuple[str, str], list[Plan]] = {}
    scenario, seed = "", ""
    for line in (FIXTURES / f"{profile}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            scenario, seed = line.removeprefix("# ").split()
            continue
        protocol, _, said = line.partition(": ")
        faults = [_fault(*fault.split()) for fault in said.split("; ") if fault]
        data = {"format": 1, "scenario": scenario, "protocol": protocol, "faults": faults}
        found.setdefault((scenario, seed), []).append(Plan.from_json(data))
    return found


def _fault(action: str, victim: str, batch: str, phase: str) -> dict[str, object]:
    return {"action": action, "victim": victim, "batch": int(batch), "phase": phase, "task": 0}


def made(name: str, folder: Path) -> Iterator[tuple[str, str, list[Plan]]]:
    """The plans of today: scenario, seed, and the whole sequence."""
    profile = read_profile(PROFILES / f"{name}.toml")
    bench = Bench(profile, profile.subject.protocols or ("2026-07-28", "2025-11-25"))
    for called, play in vars(importlib.import_module("mcp_crashtest.scenarios.test_client")).items():
        if called.startswith("test_"):
            scenario = called.removeprefix("test_").replace("_", "-")
            for seed in SEEDS:
                with Laboratory(Bundle(folder), seed) as laboratory:
                    trial = Recording(laboratory, bench, scenario, 1, "", lambda _: None)
                    play(trial)
                    yield scenario, str(seed), trial.kept


@pytest.mark.parametrize("profile", CLIENTS)
def test_the_plans_of_a_client_are_what_they_were_and_more(profile: str, tmp_path: Path) -> None:
    expected = saved(profile)
    seen = set()
    for scenario, seed, plans in made(profile, tmp_path):
        key = (scenario, seed) if (scenario, seed) in expected else (scenario, "every")
        if key not in expected or scenario == AT_RANDOM:  # a scenario that came later, or draws otherwise now
            continue
        seen.add(key)
        assert set(map(Plan.to_text, plans)) >= set(map(Plan.to_text, expected[key])), key
    assert seen == {(scenario, seed) for scenario, seed in expected if scenario != AT_RANDOM}


@pytest.mark.parametrize("profile", SERVERS)
def test_the_plans_of_a_server_can_still_be_played_and_say_the_same_when_they_are_written_again(profile: str) -> None:
    bench = Bench(read_profile(PROFILES / f"{profile}.toml"))
    for plan in (plan for plans in saved(profile).values() for plan in plans):
        bench.refuse_misplaced(plan)
        assert Plan.from_json(plan.to_json()) == plan


def test_the_fixtures_are_of_all_profiles_and_not_empty() -> None:
    assert {path.stem for path in FIXTURES.iterdir()} == {path.stem for path in PROFILES.glob("*.toml")} - LATER
    assert sum(len(plans) for path in FIXTURES.iterdir() for plans in saved(path.stem).values()) > 1000
