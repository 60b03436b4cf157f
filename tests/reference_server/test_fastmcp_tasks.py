"""FastMCP's tasks client drives our tasks: to the end, through a question, through a cancel, and over a restart."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab import ROOT, environment
from tests.reference_server.conftest import RECORDS, Server
from tests.reference_server.extension_calls import BATCHES, CALLS, CONFIRM, SLOW
from tests.reference_server.raw import Raw
from tests.reference_server.test_jobs import PROCESS

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("fastmcp_tasks") is None,
    reason="fastmcp_tasks is not installed: pip install fastmcp[tasks]",
)


@dataclass(frozen=True, slots=True)
class Other:
    """FastMCP's client, in its process."""

    process: subprocess.Popen[str]

    async def do(self, server: Server, step: str, *arguments: Any) -> Any:
        return await asyncio.to_thread(self._do, [server.ready["url"], step, *arguments])

    def _do(self, step: list[Any]) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(step) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the client has ended: its error is above"
        return json.loads(line)


@pytest.fixture(scope="module")
def other() -> Iterator[Other]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.reference_server.fastmcp_tasks_client"],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield Other(process)
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    process.wait(timeout=30)
    process.stdout.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("tool", CALLS)
async def test_a_call_is_polled_to_its_result(shared: Server, other: Other, tool: str) -> None:
    result = await other.do(shared, "call", tool, CALLS[tool])
    assert result["total_processed"] == RECORDS if tool == "resumable_data_processing" else result["success"]


@pytest.mark.asyncio
async def test_a_question_is_answered_on_the_way(shared: Server, other: Other) -> None:
    (shared.data / "there.jsonl").write_text("old\n")
    assert (await other.do(shared, "call", "start_data_migration", CONFIRM))["migrated_records"] == RECORDS
    assert (shared.data / "there.jsonl").read_bytes() == (shared.data / "orders.jsonl").read_bytes()


@pytest.mark.asyncio
async def test_a_task_is_cancelled(shared: Server, other: Other) -> None:
    created = await other.do(shared, "start", "start_batch_processing", SLOW)
    assert await other.do(shared, "status", "start_batch_processing", created) == "working"
    await other.do(shared, "cancel", "start_batch_processing", created)
    assert await other.do(shared, "status", "start_batch_processing", created) == "cancelled"


@pytest.mark.asyncio
async def test_a_task_is_found_again_after_a_kill(fresh: Server, other: Other) -> None:
    tool = "start_batch_processing"
    created = await other.do(fresh.start(), "start", tool, {**BATCHES, "processing_delay": 0.3})
    fresh.kill()
    result = await other.do(fresh.start(), "result", tool, created)
    assert result["processed"] == BATCHES["total_items"]
    again = await Raw(fresh).until(created["taskId"])
    assert again["result"]["structuredContent"] == result
    plain = await other.do(fresh, "call", "resumable_data_processing", PROCESS)
    assert plain["total_processed"] == RECORDS
