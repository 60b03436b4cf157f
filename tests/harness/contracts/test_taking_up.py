"""A client that has lost its connections keeps its session until the server does not know it: tasks may hang on it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator

import pytest

from mcp_crashtest.contracts.conversation import Conversation
from mcp_crashtest.contracts.job import Job, Journal
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.wire.session import Session
from tests.harness.wire.peers import Behaviour, Request, after_opening, error, peer, response, result


@pytest.fixture
def writing() -> Iterator[int]:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


def answers(ping: Callable[[Request], bytes]) -> Behaviour:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        asked = request.message["method"]
        writer.write(
            ping(request) if asked == "ping" else response(json.dumps(result(request.message["id"], tools=[])))
        )

    return after_opening(behave)


def dropping_once(conversation: Conversation) -> Callable[[Session], Awaitable[None]]:
    """An attempt that loses its connections the first time."""
    attempts: list[Session] = []

    async def attempt(session: Session) -> None:
        attempts.append(session)
        if len(attempts) == 1:
            conversation.drop_connections()
        await session.list_tools(deadline_s=5.0)

    return attempt


def known(request: Request) -> bytes:
    return response(json.dumps(result(request.message["id"])))


def no_ping(request: Request) -> bytes:
    return response(json.dumps(error(request.message["id"], -32601, "Method not found")))


def forgotten(_: Request) -> bytes:
    return response("no such session", status=404)


def bad_request(request: Request) -> bytes:
    return response(json.dumps(error(request.message["id"], -32000, "Bad Request: what is this?")), status=400)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("ping", "opened"),
    [(known, 1), (no_ping, 1), (forgotten, 2), (bad_request, 2)],
    ids=["known", "no-ping", "forgotten", "bad-request"],
)
async def test_a_session_is_taken_up_again_where_the_server_knows_it(
    ping: Callable[[Request], bytes], opened: int, writing: int
) -> None:
    async with peer(answers(ping)) as server:
        job = Job(server.url, "2025-11-25", ContractKind.TOOL_TASK, "start", {}, ObserveSpec(), 4, 10.0)
        conversation = Conversation(job, Journal(writing))
        assert await conversation.hold(dropping_once(conversation)) == 0
        assert len(server.asked("initialize")) == opened
        [asked] = server.asked("tools/list")
        assert asked.headers["mcp-session-id"] == "session-1"


@pytest.mark.asyncio
async def test_where_there_are_no_sessions_nothing_is_taken_up(writing: int) -> None:
    async with peer(answers(known)) as server:
        job = Job(server.url, "2026-07-28", ContractKind.TOOL_TASK, "start", {}, ObserveSpec(), 4, 10.0)
        conversation = Conversation(job, Journal(writing))
        assert await conversation.hold(dropping_once(conversation)) == 0
        assert not server.asked("ping")
