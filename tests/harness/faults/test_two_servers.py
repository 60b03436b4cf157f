"""Two servers on one store, on a stage without processes: in which order things are done, and whom the client has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import REPLACE, TWINS, Fault, Victim
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.subjects.process import Exit
from tests.harness.laboratory.test_conductor import play
from tests.harness.stage.scripted import Scripted, ScriptedLife, scripted

SEEN = Batch(1, Phase.OBSERVED)
AT_POINT = Batch(1, Phase.BEFORE_WRITE)


def made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, at: Batch = SEEN, *, refusing: int | None = None
) -> Scripted:
    """A stage with that fault; the life with that number refuses to live beside another."""
    stage = scripted(Plan("s", "p", (Fault(kind, Victim.SERVER, at),)), folder)
    boot = stage.site.boot

    async def booting(points: tuple[Batch, ...] = ()) -> ScriptedLife:
        life = await boot(points)
        if life.number == refusing:
            life.end(Exit(code=1))
        elif points:
            life.park()
        return life

    monkeypatch.setattr(stage.site, "boot", booting)
    return stage


def seen(history: History) -> list[str]:
    return [event.value["what"] for event in history.of(Op.BESIDE)]


def order(log: list[str], *lines: str) -> None:
    """They are in the log, in this order."""
    at = -1
    for line in lines:
        at = log.index(line, at + 1)


def test_the_first_one_goes_on_when_the_other_has_done_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = made(tmp_path, monkeypatch, REPLACE)
    history = asyncio.run(play(stage, 2, 4))
    order(stage.log, "freeze server 1", "kill client 1", "change door", "boot 2", "start client 2", "thaw server 1")
    assert seen(history) == ["took over"]
    assert [event.type for event in history.of(Op.FAULT)] == [Type.INVOKE, Type.OK]
    assert "kill server 1" in stage.log, "at the end nobody of them lives"


def test_who_was_parked_goes_on_from_there_and_the_other_one_does_not_park(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = made(tmp_path, monkeypatch, REPLACE, AT_POINT)
    asyncio.run(play(stage, 4))
    order(stage.log, f"boot 1 {AT_POINT}", "freeze server 1", "boot 2", "thaw server 1", "go on server 1")


def test_where_the_other_one_refuses_the_client_goes_back_to_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = made(tmp_path, monkeypatch, REPLACE, refusing=2)
    history = asyncio.run(play(stage, 2))
    order(stage.log, "boot 2", "change door", "start client 3")
    assert seen(history) == ["refused"]
    [refusal] = history.of(Op.BESIDE)
    assert (refusal.value["how"], refusal.value["last_words"]) == ("exit code 1", "the last words of life 2")
    assert not list(history.of(Op.EXIT)), "nobody is blamed for that"
    assert "thaw server 1" in stage.log


@pytest.mark.parametrize("refusing", [2, 3])
def test_of_two_that_are_started_at_once_the_client_has_the_one_that_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusing: int
) -> None:
    stage = made(tmp_path, monkeypatch, TWINS, refusing=refusing)
    history = asyncio.run(play(stage, 2))
    order(stage.log, "kill server 1", "change door", "boot 2", "change door", "boot 3")
    assert stage.log.count("change door") == (2 if refusing == 2 else 3)
    assert stage.stage.lives[-1].number == (3 if refusing == 2 else 2)
    assert seen(history)[:1] == ["refused"]


def test_the_end_of_the_one_that_is_left_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = made(tmp_path, monkeypatch, REPLACE, refusing=2)

    async def dies() -> History:
        playing = asyncio.create_task(play(stage, 2, finish=False))
        async with asyncio.timeout(5):
            while "start client 3" not in stage.log:  # noqa: ASYNC110  the log is a list
                await asyncio.sleep(0.005)
        stage.site.lives[0].end(Exit(code=1))
        return await playing

    assert [gone.life for gone in asyncio.run(dies()).of(Op.EXIT)] == [1]
