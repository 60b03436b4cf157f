"""The plans of all shards together are those that one machine would play: none twice, none left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.estimate import rehearsed
from mcp_crashtest.laboratory.laboratory import Laboratory, Numbered
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.trial import Trial
from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.proof import NOTHING_RESTARTED
from mcp_crashtest.model.shard import WHOLE, Shard
from mcp_crashtest.model.verdict import Finding, Judgement
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.planning.randomized import plans
from mcp_crashtest.sessions.outlook import installed
from tests.lab import ROOT, SMALL, THIRD_PARTY

PROFILES = (SMALL, ROOT / "scenarios" / "profiles" / "client-batch.toml")
PROTOCOLS = ("2026-07-28", "2025-11-25")
BENCH = Bench(read_profile(THIRD_PARTY / "crashtest.toml"))
PASSED = Judgement((), (), 1)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_the_plans_of_every_scenario_are_dealt_out(profile: Path) -> None:
    bench = Bench(read_profile(profile), PROTOCOLS)
    dealt_out = 0
    for name, _, is_client, play in installed():
        if is_client != (bench.profile.client is not None):
            continue
        whole = planned(play, bench, name, WHOLE)
        parts = [planned(play, bench, name, Shard(number, 2)) for number in (1, 2)]
        assert Counter(plan for part in parts for plan in part) == Counter(whole), name
        dealt_out += len(whole)
    assert dealt_out > 20


def planned(play: Callable[[Trial], object], bench: Bench, name: str, shard: Shard) -> list[str]:
    """The plans of a rehearsal, but for those that each shard needs itself, to see what comes next."""
    found = rehearsed(play, bench, name, 7, Budget.CORE, shard)
    trials = [plan for plan in found if not plan.faults and (plan.companion is Companion.SAME_CALL or plan.owed)]
    return [plan.to_text() for plan in found if plan not in trials or plan.afterlife]


@dataclass
class Scripted:
    """Stands in the laboratory's place; what it plays comes to what ``judge`` says."""

    judge: Callable[[Plan], Judgement] = lambda _: PASSED
    seed: int = 0
    played: list[Numbered] = field(default_factory=list)

    def known(self, bench: Bench) -> Bench:
        return bench

    def play(
        self, _bench: Bench, _scenario: str, numbered: Sequence[Numbered], seen: Callable[[int, Outcome], None]
    ) -> list[Outcome]:
        self.played += numbered
        outcomes = [Outcome(plan, self.judge(plan), RunFolder(Path("nowhere"))) for _, plan in numbered]
        for (number, _), outcome in zip(numbered, outcomes, strict=True):
            seen(number, outcome)
        return outcomes


def trial_of(laboratory: Scripted, shard: Shard) -> Trial:
    return Trial(cast(Laboratory, laboratory), BENCH, "kills", 2, "", lambda _: None, shard=shard)


def sequence(length: int) -> list[Plan]:
    """Different plans."""
    return [Plan("kills", PROTOCOLS[0], (), hash_seed=n) for n in range(length)]


@settings(max_examples=15)
@given(length=st.integers(1, 60), core=st.none() | st.integers(1, 60), second=st.integers(0, 9), of=st.integers(1, 9))
def test_a_scenario_that_plays_twice_is_dealt_out_whole_and_keeps_its_numbers(
    length: int, core: int | None, second: int, of: int
) -> None:
    def play(shard: Shard) -> list[tuple[int, str]]:
        laboratory = Scripted()
        trial = trial_of(laboratory, shard)
        trial.play(sequence(length), core)
        if second:
            trial.play(sequence(second))
        return [(number, plan.to_text()) for number, plan in laboratory.played]

    whole = play(WHOLE)
    parts = [play(Shard(number, of)) for number in range(1, of + 1)]
    assert sorted(one for part in parts for one in part) == sorted(whole)


def test_random_plans_are_dealt_out_and_a_failing_one_is_not_looked_for_among_those_of_others() -> None:
    kinds = (("kill", Victim.SERVER), ("kill", Victim.BOTH))

    def play(shard: Shard, judge: Callable[[Plan], Judgement]) -> list[str]:
        laboratory = Scripted(judge)
        trial = trial_of(laboratory, shard)
        drawn = plans(
            scenario="kills",
            protocols=PROTOCOLS,
            choices=kinds,
            workload=trial.workload,
            phases=trial.phases,
            most=4,
        )
        try:
            trial.explore(drawn, 16)
        except AssertionError:
            assert any(judge(plan).findings for _, plan in laboratory.played)
        return [plan.to_text() for _, plan in laboratory.played]

    whole = play(WHOLE, lambda _: PASSED)
    parts = [play(Shard(n, 3), lambda _: PASSED) for n in (1, 2, 3)]
    assert sorted(text for part in parts for text in part) == sorted(whole)

    failed = Judgement((Finding("records.lost", "gone"),), (), 1)
    several = play(Shard(1, 3), lambda plan: failed if len(plan.faults) > 1 else PASSED)
    assert several[: len(parts[0])] == parts[0]
    assert not set(several) & {text for part in parts[1:] for text in part}
    assert len(several) > len(parts[0]), "it was made smaller"


def test_in_the_place_of_a_drained_plan_a_shard_plays_none_of_another_shard() -> None:
    def play(shard: Shard) -> list[str]:
        fault = Fault("terminate", Victim.SERVER, Batch(2, thousandths=500))
        drained = Judgement((), (f"terminate server: {NOTHING_RESTARTED}",), 0)
        laboratory = Scripted(lambda plan: drained if plan.hash_seed in (0, 1, 2) else PASSED)
        restarts = [Plan("kills", PROTOCOLS[0], (fault,), hash_seed=n) for n in range(30)]
        trial_of(laboratory, shard).play(restarts, core=9)
        return [plan.to_text() for _, plan in laboratory.played]

    parts = [play(Shard(n, 3)) for n in (1, 2, 3)]
    played = Counter(text for part in parts for text in part)
    assert len(played) == 12
    assert set(played.values()) == {1}
    assert set(played) == set(play(WHOLE)), "the same three instead, here"
