"""Merges contacts. A blocking tool is a loop of steps; each step locks, reads, cuts, writes, replaces."""

import argparse
import asyncio
import fcntl
import json
import os
import re
import time
from pathlib import Path

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
args = parser.parse_args()
mcp = FastMCP("contacts")


def step(owner, total, batch):
    """One batch, by whichever call comes first; how many there are now. Safe beside any other step, anywhere."""
    out, mark = args.dir / f"{owner}.jsonl", args.dir / f"{owner}.mark"
    with (args.dir / f"{owner}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done, size = json.loads(mark.read_text()) if mark.exists() else (0, 0)
        if done >= total:
            return done
        time.sleep(0.04)
        numbers = range(done, min(done + batch, total))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.writelines(json.dumps({"task": owner, "record": n}) + "\n" for n in numbers)
        with out.open("ab") as file:
            file.truncate(size)
            file.writelines(json.dumps({"contact": n, "mail": f"c{n}@example.org"}).encode() + b"\n" for n in numbers)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        new = mark.with_suffix(".new")
        new.write_text(json.dumps([numbers.stop, size]))
        new.replace(mark)
        return numbers.stop


@mcp.tool
async def merge_contacts(owner: str, contacts: int, batch: int, context: Context) -> str:
    if not re.fullmatch(r"[\w-]{1,80}", owner):
        raise ToolError("owner: letters, digits, - and _ only")
    done, began = 0, time.monotonic()
    while done < contacts:
        done = await asyncio.to_thread(step, owner, contacts, batch)
        await context.report_progress(done, contacts, f"merged {done}")
    return json.dumps({"owner": owner, "merged": done, "seconds": round(time.monotonic() - began, 3)})


if __name__ == "__main__":
    # A deployment does not wait for long calls: they are made again.
    mcp.run(
        transport="http",
        port=args.port,
        show_banner=False,
        uvicorn_config={"timeout_graceful_shutdown": 0, "log_level": "warning"},
    )
