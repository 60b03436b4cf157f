"""Which of two servers the client speaks to, on a stage without processes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mcp_crashtest.model.plan import Plan
from mcp_crashtest.stage.pair import Pair
from mcp_crashtest.subjects.process import Exit
from tests.harness.stage.scripted import scripted


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("connected", "ended", "answers"), [(False, False, False), (True, False, True), (False, True, True)]
)
async def test_who_is_alone_is_not_left_for_one_that_has_ended(
    tmp_path: Path, connected: bool, ended: bool, answers: bool
) -> None:
    made = scripted(Plan("s", "p", ()), tmp_path)
    await made.stage.begin()
    await made.stage.boot()
    other, own = made.stage.lives
    made.client.connected_at = time.monotonic()  # before there were two
    pair = Pair(made.stage, own, other)
    own.expected_to_end = other.expected_to_end = True
    if connected:
        made.client.connected_at = time.monotonic()
    if ended:
        made.site.lives[0].end(Exit(code=0))
    assert await pair.answers(0.05) is answers
    await made.stage.end()
