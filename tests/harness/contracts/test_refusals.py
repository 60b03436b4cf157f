"""A client that is refused three times gives up, but for one whose job has got further meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mcp_crashtest.contracts.contract import Refused
from mcp_crashtest.contracts.conversation import Conversation
from mcp_crashtest.contracts.job import Job, Journal
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.wire.session import Session
from tests.harness.wire.peers import Request, after_opening, peer, response, result


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[int]:
    with (tmp_path / "journal").open("wb") as file:
        yield file.fileno()


async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(response(json.dumps(result(request.message["id"], tools=[]))))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("seen", "code"),
    [
        ([0, 0, None], 0),
        ([0, 0, 0, None], 1),
        ([10, 20, 30, 40, None], 0),  # killed in between, it was not ready each time
        ([10, 10, 10, 10, None], 1),  # it comes to the same place, and fails there
        ([10, 20, 10, 20, 10, None], 1),
    ],
)
async def test_refusals_are_counted_since_the_job_last_got_further(
    seen: Sequence[int | None], code: int, writing: int
) -> None:
    """``seen``: how far each call comes before it is refused; None for the one that ends well."""
    attempts = iter(seen)

    async def attempt(_: Session) -> None:
        done = next(attempts)
        if done is not None:
            conversation.progress(done, 50)
            raise Refused("PRESS-07")

    async with peer(after_opening(answer)) as server:
        job = Job(server.url, "2025-11-25", ContractKind.RESUMABLE_TOOL, "press", {}, ObserveSpec(), 50, 20.0)
        conversation = Conversation(job, Journal(writing))
        assert await conversation.hold(attempt) == code
