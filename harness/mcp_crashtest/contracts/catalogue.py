"""The contracts that there are, a row each."""

from __future__ import annotations

from mcp_crashtest.contracts import resource_task, resumable_tool, sse_resume, tasks_2025, tasks_extension, tool_task
from mcp_crashtest.contracts.contract import Contract
from mcp_crashtest.model.contract_spec import ContractKind

CONTRACTS: dict[ContractKind, Contract] = {
    ContractKind.RESUMABLE_TOOL: resumable_tool,
    ContractKind.RESOURCE_TASK: resource_task,
    ContractKind.TOOL_TASK: tool_task,
    ContractKind.TASKS_EXTENSION: tasks_extension,
    ContractKind.TASKS_2025: tasks_2025,
    ContractKind.SSE_RESUME: sse_resume,
}
