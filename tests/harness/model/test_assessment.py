"""What a profile lets nobody assess, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcp_crashtest.model.assessment import has_ledger, not_assessed
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec
from mcp_crashtest.model.profile import Claims, ClientSpec, Profile
from mcp_crashtest.model.subject_spec import SubjectSpec

FULL = Profile(
    "full",
    SubjectSpec("server --port {port} --ledger {ledger}", "http://127.0.0.1:{port}/mcp"),
    ContractSpec(ContractKind.RESOURCE_TASK, "start"),
    ObserveSpec(count="$.count", records=RecordsSpec("$.id", file="{state_dir}/out.jsonl")),
)
STREAMS = {"stream.lost", "stream.duplicated", "stream.foreign"}
NEVER = {"task.cancel-forgotten", "task.input-forgotten", "task.listing", "isolation.leak", "wire.invalid", *STREAMS}
CLIENTS = {"client.reattach", "client.state", "client.result"}


def lacking(profile: Profile, **more: Any) -> set[str]:
    """What this profile keeps from being assessed beside what nobody can have assessed yet."""
    return set(not_assessed(profile, **more)) - NEVER - CLIENTS


def test_where_everything_is_said_all_that_is_judged_can_be_assessed() -> None:
    assert set(not_assessed(FULL)) == NEVER | CLIENTS


def test_without_a_ledger_work_done_twice_is_not_assessed() -> None:
    silent = replace(FULL, subject=replace(FULL.subject, command="server --port {port}"))
    assert lacking(silent) == {"effects.rework", "effects.lost", "task.duplicated", "fencing.double-run"}
    assert "{ledger}" in not_assessed(silent)["effects.rework"]


@pytest.mark.parametrize("where", ["environment", "arguments"])
def test_a_ledger_may_be_told_in_the_environment_and_in_the_arguments_too(where: str) -> None:
    told = {"LEDGER": "{ledger}"}
    subject = replace(FULL.subject, command="server", environment=told if where == "environment" else {})
    contract = replace(FULL.contract, arguments=told if where == "arguments" else {})
    assert has_ledger(replace(FULL, subject=subject, contract=contract))


def test_without_records_what_is_in_the_output_is_not_assessed() -> None:
    counted = replace(FULL, observe=ObserveSpec(count="$.count"))
    records = {f"records.{name}" for name in ("lost", "duplicated", "unexpected", "reordered", "content")}
    assert lacking(counted) == records | {"effects.lost"}
    assert lacking(replace(FULL, observe=ObserveSpec())) == records | {
        "effects.lost",
        "records.count",
        "task.false-success",
    }


def test_what_is_not_claimed_is_said_to_be_so() -> None:
    modest = replace(FULL, claims=Claims(resumes=False, ordered=False))
    assert lacking(modest) == {"effects.rework", "progress.regressed", "records.reordered"}
    assert not_assessed(modest)["records.reordered"].startswith("not claimed")


def test_a_server_that_the_lab_may_not_restart_shows_nothing_of_recovery() -> None:
    assert lacking(FULL, rights=frozenset()) == {"recovery.deadline", "recovery.loop", "fencing.double-run"}


def test_a_blocking_call_has_no_task() -> None:
    blocking = replace(FULL, contract=ContractSpec(ContractKind.RESUMABLE_TOOL, "work"))
    assert {"task.vanished", "task.orphaned", "task.resurrected", "task.identity"} == lacking(blocking)
    assert not_assessed(blocking)["task.vanished"].startswith("not applicable")
    assert not_assessed(blocking)["stream.lost"].startswith("not applicable")
    streamed = replace(FULL, contract=ContractSpec(ContractKind.SSE_RESUME, "work"))
    assert set(not_assessed(streamed)) & STREAMS == set()


def test_of_a_client_only_what_is_a_clients_is_assessed() -> None:
    client = replace(FULL, client=ClientSpec("client {url}", ("$.count",)))
    assert set(INVARIANTS) - set(not_assessed(client)) == {*CLIENTS, "task.duplicated"}
