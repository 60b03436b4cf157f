"""Opening, leaving, many calls and many pages, with servers that do it rightly and slowly."""

from __future__ import annotations

import asyncio
import json

import pytest

from mcp_crashtest.wire import session
from mcp_crashtest.wire.errors import (
    Broken,
    ProtocolViolation,
    RpcError,
)
from mcp_crashtest.wire.session import Session
from tests.harness.wire.peers import (
    STREAM_HEAD,
    Request,
    after_opening,
    begins,
    error,
    opened,
    peer,
    response,
    result,
    sends,
)
from tests.harness.wire.talking import AMPLE_S, ERAS, LEGACY, MODERN


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [400, 404, 405, 200])
async def test_a_server_without_discovery_is_opened_by_a_handshake(status: int) -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.message["method"] == "server/discover":
            writer.write(response(json.dumps(error(None, -32000, "Bad Request: Missing session ID")), status))
        elif request.message["method"] == "initialize":
            answer = result(request.message["id"], protocolVersion="2025-06-18", serverInfo={"name": "old"})
            writer.write(response(json.dumps(answer)))
        else:
            writer.write(opened(request))

    async with peer(behave) as there:
        found = await Session.open(there.url, deadline_s=AMPLE_S)
        await found.close()
        assert (found.protocol, found.session_id, found.server_info) == ("2025-06-18", None, {"name": "old"})
        assert there.asked("initialize")[0].message["params"]["protocolVersion"] == LEGACY
        assert there.asked("notifications/initialized")[0].headers["mcp-protocol-version"] == "2025-06-18"


@pytest.mark.asyncio
async def test_the_revision_that_was_asked_for_is_the_one_that_is_spoken() -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        other = {"protocolVersion": "2025-06-18", "supportedVersions": ["2027-01-01"]}
        writer.write(response(json.dumps(result(request.message["id"], **other))))

    async with peer(behave) as there:
        for protocol in (MODERN, LEGACY):
            with pytest.raises(RpcError) as caught:
                await Session.open(there.url, protocol=protocol, deadline_s=AMPLE_S)
            assert caught.value.code == -32022


@pytest.mark.asyncio
@ERAS
async def test_a_pending_call_breaks_when_everything_is_dropped(protocol: str) -> None:
    async with peer(after_opening(begins(STREAM_HEAD))) as there:
        one = await Session.open(there.url, protocol=protocol, deadline_s=AMPLE_S)
        pending = asyncio.create_task(one.call_tool("t", {}, deadline_s=AMPLE_S))
        await asyncio.wait_for(there.called.wait(), AMPLE_S)
        one.abort()
        with pytest.raises(Broken):
            await pending
        await asyncio.wait_for(there.ended.wait(), AMPLE_S)
        with pytest.raises(Broken):
            await one.list_tools(deadline_s=AMPLE_S)
        await one.close()
        assert not [r for r in there.requests if r.method == "DELETE"]


@pytest.mark.asyncio
async def test_leaving_deletes_the_session_and_breaks_what_is_pending() -> None:
    async with peer(after_opening(begins())) as there:
        one = await Session.open(there.url, protocol=LEGACY, deadline_s=AMPLE_S)
        pending = asyncio.create_task(one.call_tool("t", {}, deadline_s=AMPLE_S))
        await asyncio.wait_for(there.called.wait(), AMPLE_S)
        await one.close()
        with pytest.raises(Broken):
            await pending
        deleted = [r for r in there.requests if r.method == "DELETE"]
        assert [r.headers["mcp-session-id"] for r in deleted] == ["session-1"]


@pytest.mark.asyncio
async def test_leaving_a_server_that_does_not_answer_is_over_before_two_seconds() -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        await (begins() if request.method == "DELETE" else sends(opened(request)))(request, writer)

    async with peer(behave) as there:
        one = await Session.open(there.url, protocol=LEGACY, deadline_s=AMPLE_S)
        await asyncio.wait_for(one.close(), timeout=1.9)


@pytest.mark.asyncio
async def test_many_calls_at_once_are_told_apart() -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        name = request.message["params"]["name"]
        writer.write(response(json.dumps(result(request.message["id"], content=[{"type": "text", "text": name}]))))

    async with peer(after_opening(behave)) as there:
        one = await Session.open(there.url, protocol=MODERN, deadline_s=AMPLE_S)
        replies = await asyncio.gather(*(one.call_tool(f"t{n}", {}, deadline_s=AMPLE_S) for n in range(20)))
    assert [reply.text for reply in replies] == [f"t{n}" for n in range(20)]


@pytest.mark.asyncio
async def test_pages_are_put_together_and_do_not_go_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        page = int(request.message["params"].get("cursor", 0))
        more = {} if page == 2 and request.message["method"] == "tools/list" else {"nextCursor": str(page + 1)}
        items = {"tools": [{"name": f"t{page}"}], "resources": [{"uri": f"x://{page}"}], "resourceTemplates": [7]}
        writer.write(response(json.dumps(result(request.message["id"], **items, **more))))

    monkeypatch.setattr(session, "_PAGES", 5)
    async with peer(after_opening(behave)) as there:
        one = await Session.open(there.url, protocol=MODERN, deadline_s=AMPLE_S)
        assert [tool["name"] for tool in await one.list_tools(deadline_s=AMPLE_S)] == ["t0", "t1", "t2"]
        with pytest.raises(ProtocolViolation, match="did not end within 5 pages"):
            await one.list_resources(deadline_s=AMPLE_S)
        with pytest.raises(ProtocolViolation, match="no list of objects"):
            await one.list_resource_templates(deadline_s=AMPLE_S)
