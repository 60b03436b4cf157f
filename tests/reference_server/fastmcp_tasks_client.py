"""FastMCP's own tasks client, as a process of its own: to import it changes every client of the process.

It does the steps that standard input names, one JSON array a line, and answers each with a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp_tasks.client import ToolTask, call_tool_task
from fastmcp_tasks.client_models import ClientCreateTaskResult


async def overwrite(message: str, response_type: Any, params: Any, context: Any) -> ElicitResult[Any]:
    """Say yes to whatever is asked."""
    return ElicitResult(action="accept", content={"overwrite": True})


async def do(url: str, step: str, *arguments: Any) -> Any:
    """One step, with a connection of its own."""
    async with Client(url, elicitation_handler=overwrite) as client:
        match step:
            case "call":
                return (await client.call_tool(*arguments)).structured_content
            case "start":
                task = await call_tool_task(client, *arguments)
                return task._create_result.model_dump(mode="json", by_alias=True)
            case "status":
                return (await attached(client, *arguments).status()).status
            case "cancel":
                await attached(client, *arguments).cancel()
                return None
            case "result":
                return (await attached(client, *arguments).result()).structured_content
    raise ValueError(step)


def attached(client: Client[Any], tool: str, created: dict[str, Any]) -> ToolTask:
    """A task that an earlier connection has started."""
    return ToolTask(client, tool, ClientCreateTaskResult.model_validate(created))


async def main() -> None:
    """Until standard input ends."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await do(*json.loads(line))), flush=True)


asyncio.run(main())
