"""Which contract an answer belongs to, and how a tool wants its handle, as names and schemas tell."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.laboratory.patterns import argument_for, id_path, is_uri, on_handle, on_pending, status_tools
from mcp_crashtest.laboratory.typed import typed
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec, StatusSpec, ToolSpec
from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec
from mcp_crashtest.model.offers import ListSpec
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.subject_spec import SubjectSpec

JOB: dict[str, Any] = {
    "properties": {"verbose": {"type": "boolean"}, "jobId": {"type": "integer"}},
    "required": ["jobId"],
}
TOOLS = {"start": {}, "poll_result": {}, "job_state": JOB, "get_job_status": JOB}


def profile(kind: ContractKind, **observe: Any) -> Profile:
    return Profile("mine", SubjectSpec("serve", "u"), ContractSpec(kind, "start"), ObserveSpec(**observe))


@pytest.mark.parametrize(
    ("handle", "is_one"), [("job://7", True), ("urn:x:7", True), ("7f3a", False), ("a b:c", False)]
)
def test_a_uri_begins_with_a_scheme(handle: str, is_one: bool) -> None:
    assert is_uri(handle) == is_one


def test_tools_that_may_tell_how_a_job_stands_are_found_by_name() -> None:
    assert status_tools(TOOLS) == ["get_job_status", "job_state", "poll_result"]
    assert status_tools({"start": {}, "rows": {}}) == []


@pytest.mark.parametrize(
    ("schema", "path", "argument"),
    [
        (JOB, "$.job.jobId", "jobId"),
        (JOB, "$.id", "jobId"),
        ({"properties": {"name": {}}, "required": ["name"]}, "$.id", "name"),
        ({}, "$.ref", "ref"),
        ({}, None, "job_id"),
    ],
)
def test_the_argument_that_names_the_job_is_found_in_the_schema(
    schema: dict[str, Any], path: str | None, argument: str
) -> None:
    assert argument_for(schema, path) == argument


@pytest.mark.parametrize(
    ("answer", "path"),
    [({"ok": True, "data": {"jobId": "7"}}, "$.data.jobId"), ({"grid": 4, "valid": 1}, None), ("7", None)],
)
def test_where_an_answer_names_a_job(answer: Any, path: str | None) -> None:
    assert id_path(answer) == path


def test_an_id_where_a_uri_was_wanted_is_answered_with_both_ways_to_say_it() -> None:
    said = on_handle(profile(ContractKind.RESOURCE_TASK), TOOLS, {"jobId": 7}, None)
    assert said is not None
    assert 'status = { tool = "get_job_status", arguments = { jobId = "{handle}" } }' in said
    assert 'handle = "$.jobId"' in said
    assert 'handle = "job://{jobId}"' in said
    assert on_handle(profile(ContractKind.TOOL_TASK), TOOLS, {"jobId": 7}, None) is None
    assert on_handle(profile(ContractKind.RESOURCE_TASK), TOOLS, {"done": 7}, None) is None


def test_a_call_that_comes_back_before_the_work_is_done_is_no_blocking_call() -> None:
    blocking = profile(ContractKind.RESUMABLE_TOOL)
    [said] = on_pending(blocking, TOOLS, {"job": "7", "status": "queued"})
    assert "answered that the work is 'queued'" in said
    assert list(on_pending(blocking, TOOLS, {"status": "completed"})) == []
    assert list(on_pending(profile(ContractKind.TOOL_TASK), TOOLS, {"status": "queued"})) == []


def test_a_handle_goes_to_a_tool_as_its_schema_wants_it() -> None:
    told = {"jobId": "{handle}", "verbose": True, "note": "job {handle}"}
    asked = ContractSpec(
        ContractKind.TOOL_TASK,
        "start",
        status=StatusSpec("job_state", told),
        cancel=ToolSpec("start", {"jobId": "{handle}"}),
        list=ListSpec(tool="job_state", arguments={"jobId": "{task_id}"}),
    )
    records = RecordsSpec(key="$.n", tool="job_state", arguments={"jobId": "{id}"})
    found = typed(Profile("mine", SubjectSpec("serve", "u"), asked, ObserveSpec(records=records)), TOOLS)
    number = "{handle_number}"
    assert found.contract.status == StatusSpec("job_state", {**told, "jobId": number})
    assert found.contract.cancel == asked.cancel
    assert found.contract.list
    assert found.contract.list.arguments == {"jobId": number}
    assert found.observe.records
    assert found.observe.records.arguments == {"jobId": number}
