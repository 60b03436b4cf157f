"""What a history tells of lives beside faults: who answered when, who died, and what there was at a fault."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.laboratory.conductor import conduct
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Plan
from tests.harness.stage.scripted import Scripted, scripted

KILL = Fault("kill", Victim.SERVER, Batch(1, Phase.OBSERVED))


def speak(made: Scripted, op: Op = Op.CONNECT, type_: Type = Type.OK, **value: Any) -> None:
    made.stage.write("client-0", type_, op, value)


def note(path: str) -> None:
    began = time.monotonic()
    Path(path).write_text(json.dumps({"request": 7, "asked_at": began, "answered_at": began + 0.5}))


async def reached(made: Scripted, entry: str) -> None:
    async with asyncio.timeout(20):
        while entry not in made.log:  # noqa: ASYNC110  the log is the test's own
            await asyncio.sleep(0.005)


async def two_lives(made: Scripted) -> History:
    """The server is killed once; in each life a client comes through twice."""
    playing = asyncio.create_task(conduct(made.stage))
    await reached(made, "start client 1")
    speak(made, type_=Type.INFO, dropped=True)  # nobody has answered
    speak(made)
    speak(made)
    ledger = made.site.folder.ledger
    ledger.write_text('{"task":"t","record":"a"}\n{"task":"t","record":"b"}\n{"task"')
    note(made.stage.chronicle.notes_of("client-0"))
    made.client.sees(2)
    await reached(made, "boot 2")
    speak(made, Op.STATUS, status="running", asked_at=0.0, answered_at=0.001)  # of the life before
    ready = len([o for o in made.stage.recorder.so_far if o.op is Op.READY])
    assert ready == 1
    now = made.stage.recorder.seconds(time.monotonic())
    speak(made, Op.STATUS, status="running", asked_at=now, answered_at=now)
    speak(made)
    made.client.finish()
    return await asyncio.wait_for(playing, 20)


@pytest.mark.asyncio
async def test_each_life_is_ready_once_and_dies_once(tmp_path: Path) -> None:
    history = await two_lives(scripted(Plan("s", "p", (KILL,)), tmp_path))
    assert [(o.life, o.value["to"]) for o in history.of(Op.READY)] == [(1, "client-0"), (2, "client-0")]
    assert [(o.life, o.value["of"], o.value["name"], o.value["how"]) for o in history.of(Op.DEATH)] == [
        (1, "server", "server-1", "SIGKILL"),
        (2, "server", "server-2", "SIGKILL"),
    ]
    [first, second] = history.of(Op.READY)
    boots = list(history.of(Op.BOOT))
    assert boots[0].i < first.i < boots[1].i < second.i


@pytest.mark.asyncio
async def test_a_fault_says_how_long_the_ledger_was_and_what_its_client_had_asked_last(tmp_path: Path) -> None:
    history = await two_lives(scripted(Plan("s", "p", (KILL,)), tmp_path))
    [_, landed] = history.of(Op.FAULT)
    assert landed.value["ledger_lines"] == 2
    [poll] = history.of(Op.POLL)
    assert (poll.process, poll.value["request"]) == ("client-0", 7)
    assert poll.value["answered_at"] - poll.value["asked_at"] == pytest.approx(0.5)
    assert poll.value["asked_at"] < landed.t  # in the run's seconds
    [effects] = history.of(Op.EFFECTS)
    assert effects.value["seen"][-1][0] == 2
    assert effects.value["seen"][-1][1] <= landed.t
    assert "signalled_at" not in landed.value  # nobody knows it of a scripted life
