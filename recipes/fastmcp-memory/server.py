"""A server that leaves its tasks to FastMCP's own extension; which backend it keeps them in is said at its start."""

import argparse
import asyncio
import hashlib
import json
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastmcp import FastMCP
from fastmcp.dependencies import Progress
from fastmcp_tasks import TasksExtension

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--backend", help="redis://host:port/0; FastMCP's default is memory://")
parser.add_argument("--redelivery-s", type=float, help="seconds without a word of a worker; FastMCP's default is 300")
parser.add_argument("--ledger", type=Path, help="a line for each key that was stretched goes here")
args = parser.parse_args()

redelivery = None if args.redelivery_s is None else timedelta(seconds=args.redelivery_s)
mcp = FastMCP("Key stretcher")
mcp.add_extension(TasksExtension(url=args.backend, redelivery_timeout=redelivery))


def stretch(job: str, n: int) -> str:
    if args.ledger:
        with args.ledger.open("a") as ledger:
            ledger.write(json.dumps({"task": job, "record": n}) + "\n")
    return hashlib.pbkdf2_hmac("sha256", str(n).encode(), b"salt", iterations=2_000).hex()


@mcp.tool(task=True)
async def stretch_keys(job: str, total: int, batch: int, progress: Progress = Progress()) -> dict[str, Any]:  # noqa: B008
    """Stretch the keys 0 to total - 1."""
    keys: list[dict[str, Any]] = []
    for first in range(0, total, batch):
        keys += [{"n": n, "key": stretch(job, n)} for n in range(first, min(first + batch, total))]
        await progress.set_message(f"{len(keys)}/{total}")
        await asyncio.sleep(0.05)  # what a job of its own kind would wait for: a network, a disk
    return {"count": len(keys), "keys": keys}


signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn stops by itself; else nothing would be torn down behind it
mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
