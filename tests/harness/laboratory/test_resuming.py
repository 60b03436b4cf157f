"""A session that goes on takes over what was finished, of the very same plan, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.resuming import ATTEMPTS, finished_before, most_tries, tried_before
from mcp_crashtest.model.operation import History
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.proof import RUN_OVER
from mcp_crashtest.model.verdict import Judgement, Verdict
from tests.harness.files.test_bundle import PROFILE
from tests.harness.laying import LOST, NOTHING, PASSED, lay

PLAN = Plan("kills", "2026-07-28", ())
OTHER = Plan("kills", "2026-07-28", (), hash_seed=1)


def found(folder: Path, attempts: Sequence[History], plan: Plan = PLAN, **how: bool) -> Verdict | None:
    bundle = Bundle(folder)
    for attempt, played in enumerate(attempts, start=1):
        lay(bundle, PROFILE, PLAN, played, attempt=attempt, **how)
    outcome = finished_before(bundle, PROFILE, "kills", 1, plan)
    return outcome.verdict if outcome else None


@pytest.mark.parametrize(
    ("attempts", "verdict"),
    [
        ([PASSED], Verdict.PASS),
        ([LOST], Verdict.FAIL),
        ([NOTHING, PASSED], Verdict.PASS),
        ([PASSED, NOTHING], Verdict.PASS),
        ([PASSED, LOST, NOTHING], Verdict.FAIL),
        ([NOTHING], None),
        ([NOTHING] * (ATTEMPTS - 1), None),
        ([NOTHING] * ATTEMPTS, Verdict.INVALID),
        ([], None),
    ],
)
def test_the_gravest_attempt_counts_and_what_shows_nothing_is_tried_as_often_as_any(
    tmp_path: Path, attempts: list[History], verdict: Verdict | None
) -> None:
    assert found(tmp_path, attempts) is verdict


@pytest.mark.parametrize(
    ("unproven", "tries"),
    [
        ("kill server at batch 4: alive_command says that the same server lives, 10 s after kill_command: pid 7", 2),
        ("kill server at batch 4: [subject] kill_command has not ended within 5 s", 2),
        (f"kill server at batch 4: {RUN_OVER}", ATTEMPTS),
        ("kill server at batch 4: there was no connection to http://h/mcp that could end with the server", ATTEMPTS),
    ],
)
def test_what_an_owners_command_does_not_do_is_tried_twice_and_what_came_too_late_more_often(
    unproven: str, tries: int
) -> None:
    outcome = Outcome(PLAN, Judgement((), (unproven,), 0), RunFolder(Path("nowhere")))
    assert most_tries(outcome) == tries


def test_what_showed_nothing_before_counts_as_a_try_and_what_was_not_judged_does_not(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    lay(bundle, PROFILE, PLAN, NOTHING, attempt=1)
    lay(bundle, PROFILE, PLAN, NOTHING, attempt=2, judged=False)
    assert tried_before(bundle, PROFILE, "kills", 1, PLAN) == 1
    assert tried_before(bundle, PROFILE, "kills", 1, OTHER) == 0
    assert tried_before(bundle, PROFILE, "kills", 2, PLAN) == 0


def test_a_run_that_was_not_judged_is_played_again(tmp_path: Path) -> None:
    assert found(tmp_path, [PASSED], judged=False) is None


def test_a_run_of_another_plan_is_none_of_this_one(tmp_path: Path) -> None:
    assert found(tmp_path, [PASSED], plan=OTHER) is None


def test_in_the_place_of_a_run_nothing_is_lost_that_was_judged(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    judged, begun = lay(bundle, PROFILE, PLAN, PASSED, 1), lay(bundle, PROFILE, PLAN, PASSED, 2, judged=False)
    for run in (judged, begun):
        run.make_way()
        assert not run.path.exists()
    assert [run.name for run in bundle.attempts(PROFILE, "kills", 1)] == ["0001-2"]
    assert bundle.attempts(PROFILE, "kills", 2) == []
    assert finished_before(bundle, PROFILE, "kills", 1, PLAN) is not None
