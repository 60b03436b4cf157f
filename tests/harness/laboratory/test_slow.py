"""A claimed time that was passed is looked at again, alone, before anybody is accused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mcp_crashtest.checkers.claimed import SLOW
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.slow import settled, suspected
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Finding, Judgement, Verdict

OVER = Judgement(
    (Finding("recovery.deadline", "the first answer came 12 s later", (), {"claimed_s": 10.0}),), (), 1, overdue=True
)
LATE = Judgement((), (f"{SLOW}: the first answer came 12 s later",), 1, overdue=True)
FINE = Judgement((), (), 1)
LOST = Judgement((Finding("records.lost", "one", ()), *OVER.findings), (), 1, overdue=True)


def outcome(folder: Path, judgement: Judgement, number: int) -> Outcome:
    run = RunFolder(folder / str(number))
    run.path.mkdir()
    run.save_judgement(judgement.to_json())
    return Outcome(Plan("slow", "2026-07-28", ()), judgement, run)


async def comes_to(folder: Path, first: Judgement, again: Sequence[Judgement]) -> tuple[Outcome, int]:
    """What a suspicion comes to, and how often the plan was played again."""
    played = 0

    async def play() -> Outcome:
        nonlocal played
        played += 1
        return outcome(folder, again[played - 1], played)

    return await settled(outcome(folder, first, 0), play), played


def test_only_a_claimed_time_alone_is_a_suspicion(tmp_path: Path) -> None:
    judgements = [OVER, LATE, FINE, LOST]
    found = [suspected(outcome(tmp_path, judgement, n)) for n, judgement in enumerate(judgements)]
    assert found == [True, True, False, False]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("first", "again", "verdict", "played"),
    [
        (OVER, [OVER, OVER, OVER], Verdict.FAIL, 3),
        (LATE, [OVER, OVER, OVER], Verdict.FAIL, 3),
        (OVER, [OVER, OVER, LATE], Verdict.INVALID, 3),
        (OVER, [FINE], Verdict.INVALID, 1),
        (OVER, [OVER, FINE], Verdict.INVALID, 2),
        (LATE, [FINE], Verdict.PASS, 1),
        (OVER, [LOST], Verdict.FAIL, 1),
    ],
)
async def test_it_is_a_violation_only_where_it_is_seen_three_times_by_a_lab_on_time(
    tmp_path: Path, first: Judgement, again: list[Judgement], verdict: Verdict, played: int
) -> None:
    came_to, times = await comes_to(tmp_path, first, again)
    assert (came_to.verdict, times) == (verdict, played)


@pytest.mark.asyncio
async def test_runs_that_do_not_agree_say_so_and_are_no_evidence(tmp_path: Path) -> None:
    came_to, _ = await comes_to(tmp_path, OVER, [OVER, FINE])
    assert came_to.judgement.unproven == (
        f"{SLOW}: the first answer came 12 s later. Played again alone 2 times, it was not shown each time",
    )
    assert came_to.folder.judgement() is None
