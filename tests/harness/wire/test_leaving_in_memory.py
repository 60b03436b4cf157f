"""Leaving a session and dropping it, over a server in memory."""

from __future__ import annotations

import asyncio

import pytest

from mcp_crashtest.wire.errors import (
    Broken,
    HttpError,
    ProtocolViolation,
    RpcError,
    SessionLost,
    WireError,
)
from mcp_crashtest.wire.messages import HANDSHAKE
from tests.harness.wire.scripted import (
    AMPLE_S,
    ERAS,
    Says,
    Scripted,
    error,
    fails,
    nothing,
    notified,
    opened,
    pending,
    result,
)

pytestmark = pytest.mark.asyncio

FAILURES = [HttpError(404, "x"), SessionLost("x"), ProtocolViolation("x"), RpcError(1, "x"), Broken("x")]


@ERAS
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_leaving_breaks_a_pending_call_however_the_server_ends_it(protocol: str, failure: WireError) -> None:
    transport = Scripted({"slow": nothing}, at_goodbye=fails(failure))
    session = await opened(transport, protocol)
    calling = await pending(transport, session)
    await session.close()
    with pytest.raises(Broken):
        await calling
    assert transport.goodbyes == 1


@ERAS
@pytest.mark.parametrize("refusal", [error(-32000, "leaving"), result(resultType="strange")])
async def test_leaving_breaks_a_pending_call_that_is_answered_with_a_refusal(protocol: str, refusal: Says) -> None:
    transport = Scripted({"slow": nothing}, at_goodbye=refusal)
    session = await opened(transport, protocol)
    calling = await pending(transport, session)
    await session.close()
    with pytest.raises(Broken, match="left while the call was pending"):
        await calling


@ERAS
async def test_leaving_breaks_a_pending_call_that_is_not_answered(protocol: str) -> None:
    transport = Scripted({"slow": nothing})
    session = await opened(transport, protocol)
    calling = await pending(transport, session)
    await session.close()
    with pytest.raises(Broken):
        await calling


@ERAS
async def test_an_answer_that_comes_before_we_are_gone_is_taken(protocol: str) -> None:
    transport = Scripted({"slow": nothing}, at_goodbye=result(done=True))
    session = await opened(transport, protocol)
    calling = await pending(transport, session)
    await session.close()
    assert await calling == {"done": True}


@ERAS
async def test_dropping_breaks_a_pending_call_without_a_goodbye(protocol: str) -> None:
    transport = Scripted({"slow": nothing}, at_goodbye=result(done=True))
    session = await opened(transport, protocol)
    calling = await pending(transport, session)
    session.abort()
    with pytest.raises(Broken):
        await calling
    await session.close()
    assert transport.goodbyes == 0


@ERAS
async def test_who_has_left_speaks_no_more_and_may_leave_again(protocol: str) -> None:
    transport = Scripted({"vendor/thing": result()})
    session = await opened(transport, protocol)
    await session.close()
    await session.close()
    session.abort()
    with pytest.raises(Broken, match="left by this side"):
        await session.call("vendor/thing", {}, deadline_s=AMPLE_S)
    assert transport.goodbyes == 1
    assert "vendor/thing" not in [asked["method"] for asked in transport.asked]


async def test_a_goodbye_that_is_cancelled_drops_everything_all_the_same() -> None:
    transport = Scripted({"slow": nothing}, at_goodbye=lambda _asked: [notified("notifications/x")])
    session = await opened(transport, HANDSHAKE)
    calling = await pending(transport, session)
    leaving = asyncio.create_task(session.close())
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    with pytest.raises(Broken):
        await calling
