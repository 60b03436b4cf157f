"""Caps: what a profile keeps from being assessed, and what to add."""

from __future__ import annotations

from dataclasses import replace

from mcp_crashtest.model.caps import caps_of, ceiling
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec, ToolSpec
from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec
from mcp_crashtest.model.offers import ListSpec
from mcp_crashtest.model.profile import Claims, ClientSpec, Profile
from mcp_crashtest.model.subject_spec import SubjectSpec

FULL = Profile(
    name="subject",
    subject=SubjectSpec(command="python server.py --ledger {ledger}", url="http://127.0.0.1:{port}/mcp"),
    contract=ContractSpec(
        ContractKind.RESOURCE_TASK,
        "start",
        cancel=ToolSpec("cancel"),
        pause=ToolSpec("pause"),
        resume=ToolSpec("resume"),
        list=ListSpec("list"),
    ),
    observe=ObserveSpec(records=RecordsSpec(key="$.id", items="$.records")),
)


def test_a_profile_that_shows_everything_has_no_cap() -> None:
    assert caps_of(FULL) == ()
    assert ceiling(caps_of(FULL)) == 3


def test_without_records_one_star_is_left_and_it_is_said_what_to_add() -> None:
    [cap] = caps_of(replace(FULL, observe=ObserveSpec(count="$.count")))
    assert cap.stars == 1
    assert "[observe] records" in str(cap)


def test_without_the_claim_to_resume_one_star_is_left() -> None:
    [cap] = caps_of(replace(FULL, claims=Claims(resumes=False)))
    assert cap.stars == 1
    assert "fails honestly; does not resume" in str(cap)


def test_without_a_ledger_rework_and_double_runs_are_not_assessed_and_no_star_is_taken() -> None:
    [cap] = caps_of(replace(FULL, subject=replace(FULL.subject, command="python server.py")))
    assert cap.stars is None
    assert "rework and double runs" in str(cap)


def test_a_ledger_may_be_told_in_the_environment() -> None:
    told = SubjectSpec(command="python server.py", environment={"LEDGER": "{ledger}"})
    assert caps_of(replace(FULL, subject=told)) == ()


def test_operations_that_nobody_has_said_how_to_ask_for_are_not_assessed_and_no_star_is_taken() -> None:
    [cap] = caps_of(replace(FULL, contract=ContractSpec(ContractKind.RESOURCE_TASK, "start")))
    assert cap.stars is None
    assert "[contract] cancel | pause | resume | list = { tool, arguments }" in str(cap)
    [cap] = caps_of(replace(FULL, contract=replace(FULL.contract, list=None)))
    assert "task.listing" in str(cap)
    assert "cancel" not in str(cap)


def test_the_tasks_extension_has_a_cancel_of_its_own_and_a_call_that_blocks_has_nothing_to_cancel() -> None:
    [cap] = caps_of(replace(FULL, contract=ContractSpec(ContractKind.TASKS_EXTENSION, "start")))
    assert "say [contract] pause | resume | list" in str(cap)
    assert caps_of(replace(FULL, contract=ContractSpec(ContractKind.RESUMABLE_TOOL, "process"))) == ()


def test_a_server_that_may_not_be_killed_earns_no_star() -> None:
    caps = caps_of(replace(FULL, subject=SubjectSpec(url="http://127.0.0.1:1/mcp")))
    assert ceiling(caps) == 0
    assert "no right to kill the server" in str(caps[0])


def test_of_a_client_under_test_nobody_asks_for_records_or_a_ledger() -> None:
    client = ClientSpec(command="python client.py", result=("$.digest",))
    assert (
        caps_of(replace(FULL, client=client, observe=ObserveSpec(), subject=SubjectSpec(command="python s.py"))) == ()
    )
