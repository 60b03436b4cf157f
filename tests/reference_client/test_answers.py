"""What servers answer, understood: each line is an answer that some server gives."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_client.answers import (
    Offer,
    Snapshot,
    ToolAnswer,
    advanced,
    extension_snapshot,
    finished_call,
    handle_of,
    matching,
    resource_snapshot,
    status_of,
    task_id_of,
    tool_answer,
    vanished,
)
from reference_client.errors import NotFound, Refused
from reference_client.state import ENDED, Contract, Job, Phase

AT = "2026-01-02T03:04:05.678Z"
URI = "task://status/abc"
JOB = Job("j1", "tool", {"a": 1}, AT, repeatable=True)


def answer(**wire: Any) -> ToolAnswer:
    return tool_answer(wire)


@pytest.mark.parametrize(
    "wire",
    [
        {"content": [{"type": "resource_link", "name": "x", "uri": URI}]},
        {"structuredContent": {"resource_uri": URI, "task_id": "abc"}},
        {"structuredContent": {"result": URI}, "content": [{"type": "text", "text": URI}]},
        {"content": [{"type": "text", "text": f"Started. Follow it at {URI}."}]},
        {"content": [{"type": "text", "text": f'"{URI}"'}]},
    ],
)
def test_a_handle_is_found_wherever_servers_put_it(wire: dict[str, Any]) -> None:
    found = tool_answer(wire)
    assert handle_of(found) == URI
    assert task_id_of(URI, found.structured) == "abc"


@pytest.mark.parametrize(
    "wire",
    [
        {"structuredContent": {"total_processed": 5, "records_uri": "task://records/abc/1"}},
        {"content": [{"type": "text", "text": "all done"}]},
        {"content": []},
    ],
)
def test_a_result_is_no_handle(wire: dict[str, Any]) -> None:
    assert handle_of(tool_answer(wire)) is None


@pytest.mark.parametrize(
    ("word", "status"),
    [("working", "running"), ("RUNNING", "running"), ("canceled", "cancelled"), ("paused", "paused")],
)
def test_statuses_are_understood(word: str, status: str) -> None:
    assert status_of(word) == status


def test_a_status_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(Refused, match="unknown status"):
        status_of("exploding")


def test_a_resource_tells_the_task() -> None:
    body = {"status": "completed", "progress": 3, "total": 4, "result_data": {"n": 3}, "pollIntervalMs": 40}
    seen = resource_snapshot(json.dumps(body), URI)
    assert (seen.status, seen.progress, seen.total, seen.result, seen.poll_interval_s) == (
        "completed", 3, 4, {"n": 3}, 0.04
    )  # fmt: skip


def test_a_listing_tells_progress_in_words() -> None:
    seen = resource_snapshot('{"status": "running", "progress": "15/50"}', URI)
    assert (seen.progress, seen.total) == (15, 50)


def test_a_resource_that_says_not_found_is_not_found() -> None:
    with pytest.raises(NotFound, match="Task not found"):
        resource_snapshot('{"error": "Task not found", "task_id": "x"}', URI)


@given(st.text() | st.builds(json.dumps, st.dictionaries(st.sampled_from(["status", "progress", "error"]), st.text())))
def test_nonsense_is_refused_and_nothing_worse(text: str) -> None:
    with suppress(Refused):
        assert isinstance(resource_snapshot(text, URI), Snapshot)


def test_the_extension_tells_result_error_and_question() -> None:
    done = extension_snapshot({"status": "completed", "taskId": "t", "result": {"structuredContent": {"n": 1}}})
    assert (done.status, done.result) == ("completed", {"n": 1})
    wrong = extension_snapshot(
        {"status": "completed", "result": {"isError": True, "content": [{"type": "text", "text": "no"}]}}
    )
    assert (wrong.status, wrong.error, wrong.result) == ("failed", "no", None)
    failed = extension_snapshot({"status": "failed", "error": {"code": 1, "message": "broken"}})
    assert (failed.status, failed.error) == ("failed", "broken")
    asked = extension_snapshot({"status": "input_required", "inputRequests": {"k": {}}})
    assert asked.input_requests == {"k": {}}
    assert extension_snapshot({"status": "working", "statusMessage": "step 2/4"}).progress == 2


def test_completed_with_an_error_inside_is_a_failure() -> None:
    assert finished_call(answer(structuredContent={"error": "no context"})).status == "failed"
    assert finished_call(answer(isError=True, content=[{"type": "text", "text": "no"}])).error == "no"
    assert finished_call(answer(structuredContent={"status": "paused", "task_id": "t"})).status == "paused"
    assert finished_call(answer(content=[{"type": "text", "text": '{"n": 1}'}])).result == {"n": 1}


def test_an_end_does_not_change_any_more() -> None:
    ended = advanced(JOB, Snapshot("completed", result={"n": 1}), Contract.RESOURCE_TASK, AT)
    assert advanced(ended, Snapshot("running", progress=1), Contract.RESOURCE_TASK, AT) == ended


@given(st.sampled_from(["pending", "running", "paused", "input_required", "completed", "failed", "cancelled"]))
def test_only_an_end_ends(status: str) -> None:
    after = advanced(JOB, Snapshot(status, result=1), Contract.RESOURCE_TASK, AT)
    assert (after.phase in ENDED) == (status in ("completed", "failed", "cancelled"))
    assert (after.result is not None) == after.ended


def test_lost_is_told_from_expired() -> None:
    job = advanced(JOB, Snapshot("running", ttl_s=60, created_at=AT), Contract.TASKS_EXTENSION, AT)
    assert vanished(job, "2026-01-02T03:04:59.000Z").phase is Phase.LOST
    assert vanished(job, "2026-01-02T03:05:06.000Z").phase is Phase.EXPIRED
    assert vanished(replace(job, expires_at=None), AT).phase is Phase.LOST


def test_a_listed_task_is_matched_only_where_it_is_clear() -> None:
    rows = [{"task_id": "a", "status": "running"}, {"task_id": "b", "status": "completed"}]
    assert matching(JOB, rows, frozenset()) == "a"
    assert matching(JOB, [*rows, {"task_id": "c", "status": "paused"}], frozenset()) is None
    assert matching(JOB, [*rows, {"task_id": "c", "status": "paused"}], frozenset({"a"})) == "c"
    assert matching(JOB, [{"task_id": "a", "status": "running", "parameters": {"a": 2}}], frozenset()) is None
    assert matching(JOB, [{"task_id": "a", "status": "running", "task_name": "another"}], frozenset()) is None


@pytest.mark.parametrize(
    ("names", "hint", "repeatable"),
    [({"idempotency_key"}, False, True), ({"client_id"}, False, True), (set(), True, True), ({"path"}, False, False)],
)
def test_what_may_be_repeated_is_seen_in_the_tools_schema(names: set[str], hint: bool, repeatable: bool) -> None:
    assert Offer("tool", frozenset(names), hint).repeatable is repeatable
