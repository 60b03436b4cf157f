"""Who was not shown a task asks again; what else speaks against a server is not forgotten for that."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from pathlib import Path

import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.appeal import Appeals
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Finding, Judgement
from tests.harness.checkers.histories import Event, history
from tests.lab import SMALL

GONE = Finding("task.vanished", "the task is unknown in life 2", ())
FORGOTTEN = Finding("task.cancel-forgotten", "the cancel was acknowledged in life 2, and it goes on", ())
TWICE = Finding("records.duplicated", "record 7, twice", ())
UNSHOWN = Event("client-0", Type.FAIL, Op.OUTPUT, {"reason": "vanished"})
NOT_YET = Event("client-0", Type.OK, Op.POLL, {"not_yet": "it is being read", "of_nobody": "there is none"})
Run = tuple[Judgement, *tuple[Event, ...]]
LOST, BOTH, UNHEARD, FINE = (Judgement(findings, (), 1) for findings in ((GONE,), (GONE, TWICE), (GONE, FORGOTTEN), ()))


async def comes_to(
    folder: Path, appeals: Appeals, *runs: Run, meanwhile: Awaitable[object] | None = None
) -> tuple[Judgement, list[bool]]:
    """What a plan comes to whose runs come to these, one behind the other, and which of them were patient.

    ``meanwhile`` happens during the first one.
    """
    patient: list[bool] = []

    async def play(bench: Bench, turn: int) -> tuple[Outcome, History]:
        judgement, *seen = runs[turn]
        patient.append(bench.patient)
        if turn == 0 and meanwhile is not None:
            await meanwhile
        run = RunFolder(folder / str(turn))
        run.path.mkdir(exist_ok=True)
        run.save_judgement(judgement.to_json())
        return Outcome(Plan("kill", "2026-07-28", ()), judgement, run), history([seen])

    outcome, _ = await appeals.heard(Bench(read_profile(SMALL)), play)
    assert [RunFolder(folder / str(turn)).judgement() is not None for turn in range(len(patient))].count(True) == 1
    return outcome.judgement, patient


@pytest.mark.asyncio
async def test_who_was_not_ready_is_asked_patiently_from_then_on(tmp_path: Path) -> None:
    appeals = Appeals()
    assert await comes_to(tmp_path, appeals, (LOST, UNSHOWN), (FINE, NOT_YET)) == (FINE, [False, True])
    assert await comes_to(tmp_path, appeals, (LOST, UNSHOWN)) == (LOST, [True])


@pytest.mark.asyncio
async def test_a_run_that_began_before_that_was_known_is_played_again_too(tmp_path: Path) -> None:
    appeals, other = Appeals(), tmp_path / "other"
    other.mkdir()
    known = comes_to(other, appeals, (LOST, UNSHOWN), (FINE, NOT_YET))
    first = await comes_to(tmp_path, appeals, (LOST, UNSHOWN), (FINE, NOT_YET), meanwhile=known)
    assert first == (FINE, [False, True])


@pytest.mark.asyncio
async def test_who_was_not_ready_has_not_heard_a_cancel_either(tmp_path: Path) -> None:
    assert await comes_to(tmp_path, Appeals(), (UNHEARD, UNSHOWN), (FINE, NOT_YET)) == (FINE, [False, True])
    assert await comes_to(tmp_path, Appeals(), (UNHEARD, UNSHOWN), (UNHEARD, NOT_YET)) == (UNHEARD, [False, True])


@pytest.mark.asyncio
async def test_who_does_not_come_back_is_taken_at_his_word_from_then_on(tmp_path: Path) -> None:
    appeals = Appeals()
    assert await comes_to(tmp_path, appeals, (LOST, UNSHOWN), (LOST, UNSHOWN)) == (LOST, [False, True])
    assert await comes_to(tmp_path, appeals, (LOST, UNSHOWN)) == (LOST, [False])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "runs",
    [
        ((FINE,),),
        ((BOTH, UNSHOWN),),  # a record that is there twice is no matter of patience
        ((LOST,),),
        ((LOST, UNSHOWN), (FINE,), (FINE,), (FINE,)),  # what was not seen again is not refuted
    ],
)
async def test_nothing_else_is_forgotten_for_that(tmp_path: Path, runs: Sequence[Run]) -> None:
    first, *_ = runs[0]
    came_to, patient = await comes_to(tmp_path, Appeals(), *runs)
    assert came_to is first
    assert patient == [False, *[True] * (len(runs) - 1)]
