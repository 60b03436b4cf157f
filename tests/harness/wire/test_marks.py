"""A request that is marked has a number as no other, over every transport, and so have its answer and its progress."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mcp_crashtest.subjects.syscalls.control import MARKER
from mcp_crashtest.wire.messages import HANDSHAKE, MARKED, STATELESS
from mcp_crashtest.wire.session import Session
from tests.harness.wire.scripted import AMPLE_S, ERAS, Scripted, opened, result, token_of
from tests.harness.wire.test_stdio import Far, run


@ERAS
@pytest.mark.asyncio
async def test_over_http_the_mark_is_in_its_number_and_in_that_of_its_progress(protocol: str) -> None:
    transport = Scripted({"tools/call": result(done=True)})
    session = await opened(transport, protocol)
    for marked in (True, False):
        await session.call("tools/call", {}, deadline_s=AMPLE_S, on_progress=lambda *_: None, marked=marked)
        asked = transport.asked[-1]
        assert (MARKER in str(asked["id"]), MARKER in token_of(asked)) == (marked, marked)
        assert asked["id"] < 1 << 31, "what a 32-bit server holds"


@pytest.mark.parametrize("protocol", [STATELESS, HANDSHAKE])
def test_over_standard_streams_too_where_numbers_are_the_connections_own(protocol: str) -> None:
    async def talk(session: Session, side: Far) -> None:
        async def call(*, marked: bool) -> Any:
            seen: list[float] = []
            calling = asyncio.create_task(
                session.call(
                    "tools/call", {}, deadline_s=AMPLE_S, on_progress=lambda done, *_: seen.append(done), marked=marked
                )
            )
            asked = await side.heard()
            told = {"progressToken": token_of(asked), "progress": 2}
            side.say({"jsonrpc": "2.0", "method": "notifications/progress", "params": told})
            side.answer(asked, done=True)
            assert (await calling, seen) == ({"done": True}, [2])
            return asked

        asked = [await call(marked=marked) for marked in (True, False, True)]
        assert [one["id"] >= MARKED for one in asked] == [True, False, True]
        assert [MARKER in token_of(one) for one in asked] == [True, False, True]
        assert len({one["id"] % MARKED for one in asked}) == 3
        assert side.strays == []

    run(talk, protocol)


def test_an_answer_to_a_marked_request_that_nobody_has_made_is_named() -> None:
    async def talk(session: Session, side: Far) -> None:
        side.answer({"id": MARKED + 99}, done=True)
        await asyncio.wait_for(side.stray.wait(), AMPLE_S)
        assert "nobody has made" in side.strays[0]

    run(talk)
