"""What is taken for the list of a server's tasks, in the shapes in which frameworks answer with one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_crashtest.contracts import operations
from mcp_crashtest.contracts.operations import Listed, Misfit
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec
from mcp_crashtest.model.offers import ListSpec
from tests.harness.wire.scripted import AMPLE_S, Scripted, opened, result

TASK = {"id": "t-1", "phase": "carving"}


async def told(answer: Any, items: str = "$") -> Listed:
    contract = ContractSpec(ContractKind.TOOL_TASK, "t", list=ListSpec("jobs", items=items))
    session = await opened(Scripted({"tools/call": answer}), "2025-11-25")
    return await operations.listed(session, contract, {}, "t-1", {}, AMPLE_S)


async def listed(answer: Any, items: str = "$") -> Listed:
    text = [{"type": "text", "text": json.dumps(answer)}]
    return await told(result(content=text, structuredContent=answer), items)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "items"),
    [
        ({"result": [TASK]}, "$"),  # as FastMCP wraps a list
        ({"result": [TASK]}, "$.result"),
        ({"jobs": [TASK]}, "$.jobs"),
        ({"t-1": {"phase": "carving"}}, "$"),  # by handle
        ({"jobs": {"t-1": {}}}, "$.jobs"),
    ],
)
async def test_a_list_is_found(answer: Any, items: str) -> None:
    assert (await listed(answer, items)).tasks == [["t-1", None]]


def blocks(*items: Any) -> list[dict[str, Any]]:
    """A list as a framework without structured output answers with it: a block for each item."""
    return [{"type": "text", "text": json.dumps(item)} for item in items]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("content", "tasks"),
    [
        ([], []),
        (blocks(TASK), [["t-1", None]]),
        (blocks(TASK, {"id": "t-2"}), [["t-1", None], ["t-2", None]]),
        (blocks([TASK, {"id": "t-2"}]), [["t-1", None], ["t-2", None]]),
        (blocks("t-1", "t-2"), [["t-1", None], ["t-2", None]]),
        (blocks({"t-1": {}}), [["t-1", None]]),
    ],
)
async def test_a_list_may_come_item_by_item(content: list[dict[str, Any]], tasks: Any) -> None:
    assert (await told(result(content=content))).tasks == tasks


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ["there is none", json.dumps({"count": 0}), "7"])
async def test_one_block_that_is_no_item_is_no_list(text: str) -> None:
    with pytest.raises(Misfit, match="there is no list of tasks"):
        await told(result(content=[{"type": "text", "text": text}]))


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [{"result": []}, {}])
async def test_a_list_may_be_empty(answer: Any) -> None:
    assert (await listed(answer)).tasks == []


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [{"jobs": [TASK]}, {"count": 1, "jobs": [TASK]}, {"t-1": "carving"}])
async def test_what_is_no_list_is_the_profile_s_mistake(answer: Any) -> None:
    with pytest.raises(Misfit, match="there is no list of tasks at items = '\\$'"):
        await listed(answer)
