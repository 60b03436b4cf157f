"""When the power fails the server is dead first and its store is changed then; what nobody follows proves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.model.calls import Engine
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.losses import POWER, Loss
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan
from tests.harness.laboratory.test_conductor import play
from tests.harness.stage.scripted import scripted

CUT = Fault(POWER, Victim.SERVER, Batch(1, Phase.OBSERVED))
PLAN = Plan("s", "p", (CUT,), engine=Engine.RECORD)


@pytest.mark.asyncio
async def test_the_store_is_changed_between_the_death_and_the_next_life(tmp_path: Path) -> None:
    made = scripted(PLAN, tmp_path)
    history = await play(made, 2)
    [fault] = history.of(Op.FAULT, types=[Type.OK])
    assert fault.value["reason"].endswith("the power failed")
    told = [line for line in made.log if line.startswith(("kill server", "cut", "boot"))]
    assert told[:4] == ["boot 1", "kill server 1", f"cut {Loss()}", "boot 2"]


@pytest.mark.asyncio
async def test_what_cannot_be_followed_is_unproven_and_the_run_is_over(tmp_path: Path) -> None:
    made = scripted(PLAN, tmp_path)
    made.site.unfollowed = True
    history = await play(made, 2)
    [fault] = history.of(Op.FAULT, types=[Type.FAIL])
    assert fault.value["reason"] == "nobody knows"
    assert "boot 2" not in made.log


@pytest.mark.asyncio
async def test_of_a_server_that_gets_away_nothing_is_lost(tmp_path: Path) -> None:
    made = scripted(PLAN, tmp_path, escaping=frozenset({1}))
    history = await play(made, 2)
    assert not list(history.of(Op.FAULT, types=[Type.OK]))
    assert not any(line.startswith("cut") for line in made.log)
