"""A server that leaves its tasks to FastMCP's own extension, with the default backend: they live in memory."""

import argparse
import asyncio
import hashlib
from typing import Any

from fastmcp import FastMCP
from fastmcp.dependencies import Progress
from fastmcp_tasks import TasksExtension

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
args = parser.parse_args()

mcp = FastMCP("Key stretcher")
mcp.add_extension(TasksExtension())


def stretch(n: int) -> str:
    return hashlib.pbkdf2_hmac("sha256", str(n).encode(), b"salt", iterations=10_000).hex()


@mcp.tool(task=True)
async def stretch_keys(total: int, batch: int, progress: Progress = Progress()) -> dict[str, Any]:  # noqa: B008
    """Stretch the keys 0 to total - 1."""
    keys: list[dict[str, Any]] = []
    for first in range(0, total, batch):
        keys += [{"n": n, "key": await asyncio.to_thread(stretch, n)} for n in range(first, min(first + batch, total))]
        await progress.set_message(f"{len(keys)}/{total}")
    return {"count": len(keys), "keys": keys}


mcp.run(transport="http", port=args.port, show_banner=False)
