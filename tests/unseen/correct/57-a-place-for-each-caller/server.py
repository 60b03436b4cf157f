"""Reviews contracts while the caller waits. Who calls again goes on at his place; two calls of his take turns.

--by-session: a place is the session's.
"""

import argparse
import asyncio
import hashlib
import json
from collections import defaultdict
from pathlib import Path

from fastmcp import Context, FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--dir", type=Path, required=True)
parser.add_argument("--ledger", required=True)
parser.add_argument("--by-session", action="store_true")
args = parser.parse_args()
turns = defaultdict(asyncio.Lock)
mcp = FastMCP("contracts")


def place(name):
    path = args.dir / f"{hashlib.sha256(name.encode()).hexdigest()[:20]}.json"
    return path, json.loads(path.read_text()) if path.exists() else []


def review(firm, numbers):
    with open(args.ledger, "a") as ledger:
        ledger.writelines(json.dumps({"task": firm, "record": number}) + "\n" for number in numbers)
    risks = ["high", "low", "low", "low", "low"]
    return [{"contract": number, "clauses": number * 13 % 29, "risk": risks[number % 5]} for number in numbers]


@mcp.tool
async def review_contracts(firm: str, contracts: int, at_once: int, context: Context) -> dict:
    """Takes long. Interrupted, it may be called again with the same arguments."""
    name = f"{context.session_id if args.by_session else firm}/{contracts}"
    done = []
    while len(done) < contracts:
        async with turns[name]:
            path, done = place(name)
            if len(done) < contracts:
                await asyncio.sleep(0.06)
                done += review(firm, range(len(done), min(len(done) + at_once, contracts)))
                path.with_suffix(".half").write_text(json.dumps(done))
                path.with_suffix(".half").replace(path)
        await context.report_progress(len(done), contracts, f"{len(done)} contracts reviewed")
    return {"reviewed": len(done), "contracts": done}


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
