"""Old and new at once: the new life is there while the old one winds down, and may refuse to live beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.subjects.process import Exit
from tests.harness.laboratory.test_conductor import play
from tests.harness.stage.scripted import Scripted, ScriptedLife, scripted

OVERLAP = Fault("overlap", Victim.SERVER, Batch(1, Phase.OBSERVED))
LINGERS_S = 0.02


def made(folder: Path, monkeypatch: pytest.MonkeyPatch, *, lingers_s: float, refuses: bool = False) -> Scripted:
    """A stage whose first life takes so long to stop; a second one may end while the first lives."""
    stage = scripted(Plan("s", "p", (OVERLAP,)), folder)
    boot = stage.site.boot

    async def booting(points: object = ()) -> ScriptedLife:
        life = await boot()
        life.lingers_s = lingers_s
        if refuses and life.number == 2:
            life.end(Exit(code=1))
        return life

    monkeypatch.setattr(stage.site, "boot", booting)
    return stage


def landed(history: History) -> tuple[Type, str]:
    [_, done] = history.of(Op.FAULT)
    return done.type, done.value["reason"]


def test_the_new_life_begins_before_the_old_one_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = made(tmp_path, monkeypatch, lingers_s=LINGERS_S)
    history = asyncio.run(play(stage, 2))
    type_, reason = landed(history)
    assert type_ is Type.OK
    assert reason.startswith("stopped with exit code 0")
    assert reason.endswith("beside the new life")
    assert stage.log.index("terminate server 1") < stage.log.index("boot 2")
    asked, done = history.of(Op.FAULT)
    assert asked.i < next(o.i for o in history.of(Op.BOOT) if o.life == 2) < done.i


def test_who_stops_at_once_was_alone_all_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = made(tmp_path, monkeypatch, lingers_s=0)
    type_, reason = landed(asyncio.run(play(stage, 2)))
    assert (type_, reason) == (Type.OK, "stopped with exit code 0, before the new life was there")
    assert "boot 3" not in stage.log


def test_who_refuses_to_live_beside_its_old_life_is_started_again_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = made(tmp_path, monkeypatch, lingers_s=LINGERS_S, refuses=True)
    history = asyncio.run(play(stage, 2))
    assert landed(history)[0] is Type.OK
    assert not list(history.of(Op.EXIT))
    assert "boot 3" in stage.log
