"""The Tasks extension, with raw JSON-RPC: tasks are polled, answered and cancelled, whatever is killed."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

import pytest

from mcp_crashtest.contracts import tasks_extension
from mcp_crashtest.wire.messages import STATELESS, TASKS
from mcp_crashtest.wire.session import Session
from reference_server.extension import LONGEST_ANSWER_CHARACTERS, STATUS
from reference_server.lifecycle import Status
from reference_server.store import Store
from tests.reference_server.conftest import RECORDS, Server
from tests.reference_server.extension_calls import BATCHES, SLOW, YES, asking
from tests.reference_server.raw import Raw, Refused


@pytest.fixture
def raw(shared: Server) -> Raw:
    return Raw(shared)


# --- statuses


def test_every_status_has_one_of_the_extension() -> None:
    assert set(STATUS) == set(Status)
    assert set(STATUS.values()) == {"working", "input_required", "completed", "cancelled"}


@pytest.mark.asyncio
async def test_a_paused_task_is_working_and_says_how_it_goes_on(raw: Raw) -> None:
    task_id = await raw.start("start_batch_processing", **{**SLOW, "idempotency_key": "pause"})
    await raw.until_it_says(task_id, "Processed 1/10 items")
    await raw.server.call("pause_task", task_id=task_id)
    task = await raw.get(task_id)
    assert task["status"] == "working"
    assert task["statusMessage"] == "Paused at 1/10: resume_task lets it go on"
    assert await raw.cancel(task_id)
    assert (await raw.get(task_id))["status"] == "cancelled"


@pytest.mark.asyncio
async def test_a_job_that_fails_has_completed_with_the_error_of_its_tool(fresh: Server) -> None:
    raw, task_id = await asking(fresh)
    (fresh.data / "orders.jsonl").unlink()
    await raw.update(task_id, overwrite=YES)
    task = await raw.until(task_id)
    assert task["status"] == "completed"
    assert task["result"]["isError"] is True
    assert "error" not in task
    assert "orders.jsonl cannot be used: No such file" in task["result"]["content"][0]["text"]
    assert task["statusMessage"] in task["result"]["content"][0]["text"]


@pytest.mark.asyncio
async def test_what_the_server_itself_fails_has_failed_with_a_json_rpc_error(fresh: Server) -> None:
    task_id = await Raw(fresh.start()).start("start_batch_processing", **SLOW)
    fresh.kill()
    with closing(Store(fresh.place)) as store:  # which seals what it writes
        store._db.execute("UPDATE tasks SET parameters = '{}'")
    task = await Raw(fresh.start()).until(task_id)
    assert task["status"] == "failed"
    assert "result" not in task
    assert task["error"]["code"] == -32603
    assert task["error"]["message"] == task["statusMessage"]
    assert task["statusMessage"].startswith("internal error (KeyError)")


@pytest.mark.asyncio
async def test_a_terminal_task_never_changes_over_polls_requests_and_a_restart(fresh: Server) -> None:
    raw = Raw(fresh.start())
    done = await raw.start("start_batch_processing", **BATCHES)
    cancelled = await raw.start("start_batch_processing", **SLOW)
    await raw.cancel(cancelled)
    before = [await raw.until(task_id) for task_id in (done, cancelled)]
    assert [task["status"] for task in before] == ["completed", "cancelled"]
    for task_id in (done, cancelled):
        assert await raw.get(task_id) == await raw.get(task_id)
        assert (await raw.cancel(task_id))["resultType"] == "complete"
        assert (await raw.update(task_id, overwrite=YES))["resultType"] == "complete"
    fresh.kill()
    fresh.start()
    assert [await raw.get(task_id) for task_id in (done, cancelled)] == before


@pytest.mark.asyncio
async def test_a_task_that_works_does_not_change_by_being_looked_at_or_by_a_restart(fresh: Server) -> None:
    raw = Raw(fresh.start())
    task_id = await raw.start("start_batch_processing", **SLOW)
    before = await raw.until_it_says(task_id, "Processed 1/10 items")
    assert await raw.get(task_id) == before
    for _ in range(2):
        fresh.kill()
        await asyncio.to_thread(fresh.start_parked, "before-write@2")
    [(updated_at,)] = fresh.ask("SELECT updated_at FROM tasks")
    assert updated_at == before["lastUpdatedAt"]


@pytest.mark.asyncio
async def test_the_ttl_is_how_long_the_server_keeps_finished_tasks(fresh: Server) -> None:
    fresh.extra = ("--retention-days", "2")
    raw = Raw(fresh.start())
    task_id = await raw.start("start_batch_processing", **BATCHES)
    assert (await raw.until(task_id))["ttlMs"] == 2 * 24 * 60 * 60 * 1000


# --- input


@pytest.mark.asyncio
async def test_a_question_survives_a_kill_and_is_asked_under_the_same_key(fresh: Server) -> None:
    raw, task_id = await asking(fresh)
    before = await raw.get(task_id)
    assert list(before["inputRequests"]) == ["overwrite"]
    assert before["inputRequests"]["overwrite"]["method"] == "elicitation/create"
    assert before["inputRequests"]["overwrite"]["params"]["mode"] == "form"
    fresh.kill()
    fresh.start()
    assert await raw.get(task_id) == before
    acknowledged = await raw.update(task_id, overwrite=YES)
    assert acknowledged.keys() - {"_meta"} == {"resultType"}
    fresh.kill()
    fresh.start()
    task = await raw.until(task_id)
    assert task["result"]["structuredContent"]["migrated_records"] == RECORDS
    assert (fresh.data / "there.jsonl").read_bytes() == (fresh.data / "orders.jsonl").read_bytes()


@pytest.mark.asyncio
async def test_whoever_accepts_with_what_its_form_takes_lets_it_go_on(fresh: Server) -> None:
    raw, task_id = await asking(fresh)
    session = await Session.open(raw.server.ready["url"], protocol=STATELESS, deadline_s=10, extensions=(TASKS,))
    await tasks_extension.answer(session, task_id, 10)
    session.abort()
    task = await raw.until(task_id)
    assert task["result"]["structuredContent"]["migrated_records"] == RECORDS


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [
        {"action": "decline"},
        {"action": "cancel", "content": None},
        {"action": "accept", "content": {"overwrite": False}},
        {"action": "accept"},
    ],
)
async def test_without_a_yes_nothing_is_overwritten(fresh: Server, answer: dict[str, Any]) -> None:
    raw, task_id = await asking(fresh)
    await raw.update(task_id, overwrite=answer)
    await raw.update(task_id, overwrite=YES)  # too late: the first answer counts
    task = await raw.until(task_id)
    assert task["result"]["isError"] is True
    assert "there.jsonl was not to be overwritten" in task["result"]["content"][0]["text"]
    assert (fresh.data / "there.jsonl").read_text() == "old\n"


@pytest.mark.asyncio
async def test_what_is_no_answer_leaves_the_question_open(fresh: Server) -> None:
    raw, task_id = await asking(fresh)
    before = await raw.get(task_id)
    long = {"action": "accept", "content": {"overwrite": True, "why": "x" * LONGEST_ANSWER_CHARACTERS}}
    for answer in (True, "yes", {}, {"action": "perhaps"}, {"action": "accept", "content": [1]}, long):
        with pytest.raises(Refused, match="overwrite") as refused:
            await raw.update(task_id, overwrite=answer)
        assert refused.value.code == -32602
    await raw.update(task_id, other=YES)
    await raw.update(task_id)
    assert await raw.get(task_id) == before


@pytest.mark.asyncio
async def test_a_question_may_be_answered_by_cancelling(fresh: Server) -> None:
    raw, task_id = await asking(fresh)
    await raw.cancel(task_id)
    task = await raw.get(task_id)
    assert task["status"] == "cancelled"
    assert "inputRequests" not in task


# --- cancellation


@pytest.mark.asyncio
async def test_a_cancel_survives_a_kill_right_after_its_acknowledgement(fresh: Server) -> None:
    raw = Raw(fresh.start())
    task_id = await raw.start("start_batch_processing", **SLOW)
    await raw.until_it_says(task_id, "Processed 1/10 items")
    acknowledged = await raw.cancel(task_id)
    fresh.kill()
    assert acknowledged.keys() - {"_meta"} == {"resultType"}
    fresh.start()
    task = await raw.get(task_id)
    assert task["status"] == "cancelled"
    assert await raw.cancel(task_id)
    assert await raw.get(task_id) == task
    assert len(fresh.executions()) == 1


# --- kills


@pytest.mark.asyncio
async def test_after_many_kills_the_same_id_leads_to_the_exact_result(fresh: Server) -> None:
    """Each life is killed with a batch written and not committed."""
    wanted = {"batch_size": 5, "total_items": 20, "processing_delay": 0.01}
    task_id = await Raw(fresh.start()).start("start_batch_processing", **wanted, idempotency_key="disturbed")
    fresh.kill()
    done = len(fresh.executions())
    for batch in range(done // 5 + 1, 5):
        fresh.start(points=f"written-uncommitted@{batch}")
        await asyncio.to_thread(fresh.wait_parked)
        fresh.kill()
    raw = Raw(fresh.start())
    task = await raw.until(task_id)
    undisturbed = await raw.until(await raw.start("start_batch_processing", **wanted, idempotency_key="not"))
    assert task["result"] == undisturbed["result"]
