"""A guest at a connection over standard streams: he is introduced by his host, and nobody takes another's answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mcp_crashtest.wire.errors import Broken, RpcError, WireError
from mcp_crashtest.wire.messages import HANDSHAKE, STATELESS
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.sharing import share
from mcp_crashtest.wire.stdio import Pipes, Stdio
from tests.harness.wire.scripted import AMPLE_S, ERAS, SAMPLING
from tests.harness.wire.test_stdio import TOOLS, Far, talking


@asynccontextmanager
async def guest_at(side: Far, protocol: str) -> AsyncIterator[Session]:
    mine, theirs = socket.socketpair()
    sharing = asyncio.create_task(share(side.pipes, theirs))
    pipes = await Pipes.beside(mine)
    try:
        yield await Session.over(Stdio(pipes), protocol=protocol, deadline_s=AMPLE_S)
    finally:
        pipes.abort()
        async with asyncio.timeout(AMPLE_S):
            await sharing


@ERAS
def test_a_guest_is_introduced_by_his_host_and_the_server_hears_nothing_of_it(protocol: str) -> None:
    async def main() -> None:
        async with talking(protocol) as (host, side), guest_at(side, protocol) as guest:
            assert guest.server_info == host.server_info
            calls = {
                "host": asyncio.create_task(host.list_tools(deadline_s=AMPLE_S)),
                "guest": asyncio.create_task(guest.list_resources(deadline_s=AMPLE_S)),
            }
            asked = {one["method"]: one for one in (await side.heard(), await side.heard())}
            assert set(asked) == {"tools/list", "resources/list"}
            side.answer(asked["resources/list"], resources=[{"uri": "a:b"}])
            assert await calls["guest"] == [{"uri": "a:b"}]
            side.answer(asked["tools/list"], tools=TOOLS)
            assert await calls["host"] == TOOLS

    asyncio.run(main())


def test_progress_comes_to_whoever_has_asked_although_both_call_it_the_same() -> None:
    async def main() -> None:
        heard: dict[str, list[float]] = {"host": [], "guest": []}
        async with talking(HANDSHAKE) as (host, side), guest_at(side, HANDSHAKE) as guest:
            calls = [
                asyncio.create_task(
                    one.call(
                        "tools/call",
                        {"name": name},
                        deadline_s=AMPLE_S,
                        on_progress=lambda *said, n=name: heard[n].append(said[0]),
                    )
                )
                for name, one in (("host", host), ("guest", guest))
            ]
            for asked in (await side.heard(), await side.heard()):
                name, token = asked["params"]["name"], asked["params"]["_meta"]["progressToken"]
                told = {"progressToken": token, "progress": len(name)}
                side.say({"jsonrpc": "2.0", "method": "notifications/progress", "params": told})
                side.answer(asked)
            await asyncio.gather(*calls)
        assert heard == {"host": [4], "guest": [5]}

    asyncio.run(main())


def test_the_end_of_the_server_is_that_of_the_guest_and_a_guest_who_leaves_ends_nothing() -> None:
    async def main() -> None:
        async with talking(HANDSHAKE) as (host, side):
            async with guest_at(side, HANDSHAKE) as first:
                await first.close()
            listing = asyncio.create_task(host.list_tools(deadline_s=AMPLE_S))
            side.answer(await side.heard(), tools=TOOLS)
            assert await listing == TOOLS
            async with guest_at(side, HANDSHAKE) as second:
                waiting = asyncio.create_task(second.list_tools(deadline_s=AMPLE_S))
                await side.heard()
                side.writer.close()
                with pytest.raises(Broken):
                    await waiting

    asyncio.run(main())


def test_a_request_of_the_servers_is_answered_once_also_in_a_guests_call() -> None:
    async def main() -> None:
        async with talking(HANDSHAKE) as (_, side), guest_at(side, HANDSHAKE) as guest:
            listing = asyncio.create_task(guest.list_tools(deadline_s=AMPLE_S))
            asked = await side.heard()
            side.say(SAMPLING)
            assert (await side.heard())["error"]["code"] == -32601
            side.answer(asked, tools=TOOLS)
            assert await listing == TOOLS

    asyncio.run(main())


def test_a_guest_of_the_other_era_is_refused() -> None:
    async def main() -> None:
        async with talking(HANDSHAKE) as (_, side):
            with pytest.raises(RpcError, match="the other era"):
                async with guest_at(side, STATELESS):
                    pass

    asyncio.run(main())


def test_nobody_is_a_guest_where_the_server_has_ended() -> None:
    async def main() -> None:
        async with talking(HANDSHAKE) as (_, side):
            side.pipes.abort()
            with pytest.raises(WireError):
                async with guest_at(side, HANDSHAKE):
                    pass

    asyncio.run(main())
