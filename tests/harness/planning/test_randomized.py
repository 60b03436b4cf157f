"""Random plans: every fault can land, and a seed says it all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.exhaustive import phases_of
from mcp_crashtest.planning.randomized import earliest_after, plans
from mcp_crashtest.planning.search import draw

HERE = Path(__file__).resolve()

POINTS = tuple(phase for phase in Phase if phase.in_server)
CHOICES = (
    ("kill", Victim.SERVER),
    ("kill", Victim.BOTH),
    ("kill", Victim.CLIENT),
    ("drop", Victim.CLIENT),
)
MOST = 4


def strategy(workload: Workload, phases: tuple[Phase, ...]) -> st.SearchStrategy[Plan]:
    return plans(scenario="s", protocols=("a", "b"), choices=CHOICES, workload=workload, phases=phases, most=MOST)


def places(plan: Plan) -> list[tuple[int, Phase]]:
    """Batch and phase of each fault: random plans have no other coordinates."""
    found = []
    for fault in plan.faults:
        assert isinstance(fault.at, Batch)
        assert fault.at.phase is not None
        assert fault.at.task == 0
        found.append((fault.at.number, fault.at.phase))
    return found


def life_of_a_job(plan: Plan, workload: Workload) -> bool:
    """Whether a subject that works as the phases say comes by every fault of the plan, in its order."""
    phases = list(Phase)
    batch, rank = 1, 0
    for fault, (number, phase) in zip(plan.faults, places(plan), strict=True):
        at = number, phases.index(phase)
        if at < (batch, rank) or number > workload.batches:
            return False
        if phase is Phase.OBSERVED and number == workload.batches:
            return False  # the client has its result: the job is over
        batch, rank = at[0], at[1] + 1
        if fault.victim is Victim.CLIENT and phase is not Phase.OBSERVED:
            continue
        if phase.durable:
            batch += 1
        rank = 0
    return True


@st.composite
def cases(draw_: st.DrawFn) -> tuple[Workload, tuple[Phase, ...]]:
    batch = draw_(st.integers(1, 20))
    points = draw_(st.lists(st.sampled_from(POINTS), unique=True, min_size=1))
    return Workload(draw_(st.integers(batch, 30 * batch)), batch), phases_of(points)


@given(cases(), st.data())
def test_each_fault_of_a_plan_can_land_after_the_ones_before(
    case: tuple[Workload, tuple[Phase, ...]], data: st.DataObject
) -> None:
    workload, phases = case
    plan = data.draw(strategy(workload, phases))
    assert 1 <= len(plan.faults) <= MOST
    assert {phase for _, phase in places(plan)} <= set(phases)
    assert {(fault.kind, fault.victim) for fault in plan.faults} <= set(CHOICES)
    assert life_of_a_job(plan, workload)
    for before, (number, phase) in zip(plan.faults, places(plan)[1:], strict=False):
        assert (number, list(Phase).index(phase)) >= earliest_after(before)


@pytest.mark.parametrize(
    ("victim", "phase", "earliest"),
    [
        (Victim.SERVER, Phase.BEFORE_WRITE, (3, 0)),
        (Victim.SERVER, Phase.WRITTEN_UNCOMMITTED, (3, 0)),
        (Victim.SERVER, Phase.COMMITTED_UNACKNOWLEDGED, (4, 0)),
        (Victim.BOTH, Phase.ACKNOWLEDGED, (4, 0)),
        (Victim.CLIENT, Phase.BEFORE_WRITE, (3, 1)),
        (Victim.CLIENT, Phase.ACKNOWLEDGED, (3, 4)),
        (Victim.CLIENT, Phase.OBSERVED, (4, 0)),
        (Victim.SERVER, Phase.OBSERVED, (4, 0)),
    ],
)
def test_the_next_fault_lands_behind_what_this_one_left_standing(
    victim: Victim, phase: Phase, earliest: tuple[int, int]
) -> None:
    assert earliest_after(Fault("kill", victim, Batch(3, phase))) == earliest


def test_a_batch_that_was_killed_before_its_commit_can_be_hit_again() -> None:
    found = draw(strategy(Workload(2, 1), POINTS), seed=0, examples=200)
    assert any([number for number, _ in places(plan)][:2] == [2, 2] for plan in found)


def test_every_coordinate_and_every_choice_is_within_reach() -> None:
    workload = Workload(6, 2)
    found = draw(strategy(workload, POINTS), seed=0, examples=300)
    assert {place for plan in found for place in places(plan)} == {(n, phase) for n in (1, 2, 3) for phase in POINTS}
    assert {(fault.kind, fault.victim) for plan in found for fault in plan.faults} == set(CHOICES)


LATE = strategy(Workload(25_000, 10), (Phase.OBSERVED,))


def numbers(plan: Plan) -> list[int]:
    return [fault.at.number for fault in plan.faults if isinstance(fault.at, Batch)]


@given(st.integers(1, 40), st.data())
def test_without_crash_points_faults_land_within_batches_each_in_a_later_one(batches: int, data: st.DataObject) -> None:
    plan = data.draw(strategy(Workload(batches * 3, 3), (Phase.OBSERVED,)))
    assert numbers(plan) == sorted(set(numbers(plan)))
    assert 1 <= min(numbers(plan)) <= max(numbers(plan)) <= batches
    assert all(isinstance(f.at, Batch) and f.at.thousandths is not None for f in plan.faults)


def test_late_batches_of_a_long_job_are_within_reach() -> None:
    found = draw(LATE, seed=0, examples=300)
    batches = {number for plan in found for number in numbers(plan)}
    assert min(batches) < 250
    assert 2250 < max(batches) <= 2500
    assert len({min(batch, 2499) // 250 for batch in batches}) == 10


def test_half_of_the_plans_have_three_faults_or_more() -> None:
    found = draw(LATE, seed=0, examples=200)
    assert sum(len(plan.faults) >= 3 for plan in found) >= 80


def test_many_plans_know_few_kinds_of_faults_and_some_know_most() -> None:
    """With a choice of its own for each fault, one in a hundred would know a single kind."""
    long = [plan for plan in draw(LATE, seed=0, examples=300) if len(plan.faults) >= 4]
    kinds = [len({(fault.kind, fault.victim) for fault in plan.faults}) for plan in long]
    assert kinds.count(1) > len(long) / 5
    assert max(kinds) >= 3


# --- the same seed, the same plans


LONG = strategy(Workload(60_000, 10), POINTS)  # more than a hundred batches: see _number in randomized.py


def texts(seed: int) -> list[str]:
    return [plan.to_text() for plan in draw(LONG, seed=seed, examples=60)]


def test_the_same_seed_gives_the_same_plans_twice_and_another_seed_others() -> None:
    assert texts(7) == texts(7)
    assert texts(7) != texts(8)


@pytest.mark.parametrize(("hash_seed", "also"), [("1", "json"), ("2", "mcp_crashtest.cli"), ("3", "numpy")])
def test_a_fresh_interpreter_gives_the_same_plans_whatever_else_it_has_loaded(hash_seed: str, also: str) -> None:
    program = f"import {also}\nfrom tests.harness.planning import test_randomized as t\nprint(*t.texts(7), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=HERE.parents[3],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == texts(7)


def test_a_draw_reads_no_module_and_leaves_no_folder(tmp_path: Path) -> None:
    program = (
        "import sys\nsys.path[:0] = sys.argv[1:]\nfrom tests.harness.planning import test_randomized as t\nt.texts(7)"
    )
    places = [str(HERE.parents[3]), str(HERE.parents[3] / "harness")]
    subprocess.run([sys.executable, "-c", program, *places], cwd=tmp_path, timeout=60, check=True)
    assert not list(tmp_path.iterdir())


def test_an_earlier_draw_changes_nothing() -> None:
    expected = texts(7)
    texts(9)
    assert texts(7) == expected
