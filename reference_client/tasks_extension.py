"""The wire of ``io.modelcontextprotocol/tasks`` (revision 2026-07-28): the claim, and the requests.

Each request names its task in the header ``Mcp-Name`` too, as the extension asks; ``name_param`` does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import mcp_types as mt
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ConfigDict, Field

IDENTIFIER = "io.modelcontextprotocol/tasks"


class Created(mt.Result):
    """The answer to a tool call that has become a task."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)
    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")


class TaskState(mt.Result):
    """The answer to tasks/get; its fields are read as they stand on the wire."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class TaskParams(mt.RequestParams):
    """Names a task."""

    task_id: str = Field(serialization_alias="taskId")


class UpdateParams(TaskParams):
    """Names a task, and answers what it has asked for."""

    input_responses: dict[str, Any] = Field(serialization_alias="inputResponses")


class GetTask(mt.Request[TaskParams, Literal["tasks/get"]]):
    """tasks/get."""

    name_param: ClassVar[str] = "taskId"
    method: Literal["tasks/get"] = "tasks/get"
    params: TaskParams


class CancelTask(mt.Request[TaskParams, Literal["tasks/cancel"]]):
    """tasks/cancel."""

    name_param: ClassVar[str] = "taskId"
    method: Literal["tasks/cancel"] = "tasks/cancel"
    params: TaskParams


class UpdateTask(mt.Request[UpdateParams, Literal["tasks/update"]]):
    """tasks/update."""

    name_param: ClassVar[str] = "taskId"
    method: Literal["tasks/update"] = "tasks/update"
    params: UpdateParams


class TasksExtension(ClientExtension):
    """Tells servers that a tool call may become a task."""

    identifier = IDENTIFIER

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """The one result shape that is ours."""
        versions = frozenset(MODERN_PROTOCOL_VERSIONS)
        return [ResultClaim(result_type="task", model=Created, resolve=_never, protocol_versions=versions)]


async def _never(created: Created, context: ClaimContext) -> mt.CallToolResult:
    raise AssertionError("this client takes tasks as they are, with allow_claimed")
