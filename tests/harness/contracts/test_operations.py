"""What says no to a cancel or a pause, in however polite a form, is no acknowledgement; what says yes is one."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.contracts.operations import is_advisory, refusal_in
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec, ToolSpec
from mcp_crashtest.wire.session import ToolReply


def said(text: str = "", structured: Any = None, *, is_error: bool = False) -> ToolReply:
    return ToolReply(is_error, text, structured, ())


@pytest.mark.parametrize(
    "reply",
    [
        said("Task 7 is cancelled: see task://status/7"),
        said("ok"),
        said(""),
        said("Cancelled. What was already processed is kept."),
        said("", {"success": True, "message": "cancelled"}),
        said("", {"task_id": "7", "status": "cancelled", "resumable": False}),
        said("", {"status": "cancelling"}),
        said('{"ok": true}'),
        said('{"result": "Task 7 was cancelled"}', {"result": "Task 7 was cancelled"}),
    ],
)
def test_an_acknowledgement_has_many_forms(reply: ToolReply) -> None:
    assert refusal_in(reply) is None


@pytest.mark.parametrize(
    "reply",
    [
        said("no such task", is_error=True),
        said("Task 7 not found or cannot be cancelled"),
        said("Error: it is not running"),
        said("it has already completed"),
        said("", {"error": "unknown task"}),
        said("", {"success": False}),
        said("", {"cancelled": False, "task_id": "7"}),
        said("", {"status": "not_found"}),
        said('{"ok": false}'),
        said("Task 7 does not exist", {"result": "Task 7 does not exist"}),
    ],
)
def test_a_refusal_in_words_or_in_a_document_is_one(reply: ToolReply) -> None:
    assert refusal_in(reply) is not None


def test_only_the_extensions_own_cancel_promises_nothing() -> None:
    own = ContractSpec(ContractKind.TASKS_EXTENSION, "start")
    assert is_advisory(own, "cancel")
    assert not is_advisory(ContractSpec(ContractKind.TASKS_EXTENSION, "start", cancel=ToolSpec("cancel")), "cancel")
    assert not is_advisory(ContractSpec(ContractKind.TOOL_TASK, "start", cancel=ToolSpec("cancel")), "cancel")
    assert own.offers("cancel")
    assert not own.offers("list")
