"""The plans of seven profiles and five seeds, as the last version with plan format 1 made them, are made today too.

``format_1/<profile>.txt`` has them, a line each: the protocol, then each fault as action, victim, batch, phase. A line
``# scenario seed`` stands before the plans of each scenario; the seed is ``every`` where it makes no difference.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profiles import read_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.probe import PROTOCOLS
from mcp_crashtest.laboratory.trial import Trial
from mcp_crashtest.model.plan import Plan

FIXTURES = Path(__file__).resolve().parent / "format_1"
PROFILES = Path(__file__).resolve().parents[3] / "scenarios" / "profiles"
SEEDS = range(5)
STORIES = ("test_undisturbed", "test_planned_restart", "test_kills", "test_polite_leave", "test_random_kills")


class Recording(Trial):
    """A trial that plays nothing and keeps what it was to play."""

    def _play(self, plans: Sequence[Plan]) -> list[Outcome]:
        self.kept = list(plans)
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
    bench = Bench(profile, profile.subject.protocols or PROTOCOLS)
    stories = ("test_client",) if profile.client else STORIES
    for story in stories:
        for called, play in vars(importlib.import_module(f"mcp_crashtest.scenarios.{story}")).items():
            if called.startswith("test_"):
                scenario = called.removeprefix("test_").replace("_", "-")
                for seed in SEEDS:
                    with Laboratory(Bundle(folder), seed) as laboratory:
                        trial = Recording(laboratory, bench, scenario, 1, "", lambda _: None)
                        play(trial)
                        yield scenario, str(seed), trial.kept


@pytest.mark.parametrize("profile", sorted(path.stem for path in PROFILES.glob("*.toml")))
def test_the_plans_of_a_profile_are_what_they_were(profile: str, tmp_path: Path) -> None:
    expected = saved(profile)
    seen = set()
    for scenario, seed, plans in made(profile, tmp_path):
        key = (scenario, seed) if (scenario, seed) in expected else (scenario, "every")
        if key not in expected:  # a scenario that came later
            continue
        seen.add(key)
        assert sorted(map(Plan.to_text, plans)) == sorted(map(Plan.to_text, expected[key])), key
    assert seen == set(expected)


def test_the_fixtures_are_of_all_profiles_and_not_empty() -> None:
    assert {path.stem for path in FIXTURES.iterdir()} == {path.stem for path in PROFILES.glob("*.toml")}
    assert sum(len(plans) for path in FIXTURES.iterdir() for plans in saved(path.stem).values()) > 1000
