"""Weaves rugs. A rug is a list in Redis, and rows are put on only where it is as long as they believe it to be: whoever
does not know whether they are on puts them on again. What took too long is given up with its connection.

--carries-on: while Redis is away the loom goes on, and what it has woven is put on later.
"""

import argparse
import asyncio
import json
import secrets
from contextlib import asynccontextmanager

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, TimeoutError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--redis", required=True)
parser.add_argument("--ledger")
parser.add_argument("--carries-on", action="store_true")
args = parser.parse_args()

once = Retry(NoBackoff(), 0)
redis = Redis.from_url(
    args.redis, decode_responses=True, socket_timeout=0.6, socket_connect_timeout=0.6, retry=once, max_connections=8
)
AWAY = (ConnectionError, TimeoutError, OSError)
PUT_ON = """
    if redis.call('LLEN', KEYS[1]) == tonumber(ARGV[1]) then
        redis.call('RPUSH', KEYS[1], unpack(ARGV, 2))
    end
    return redis.call('LLEN', KEYS[1])
"""
looms = set()
at_work = {}  # rug: what its loom knows


async def surely(*command):
    """What may be done twice, until it was."""
    while True:
        try:
            return await redis.execute_command(*command)
        except AWAY:
            await asyncio.sleep(0.04)


def weave_rows(rug, numbers):
    if args.ledger:
        with open(args.ledger, "a") as ledger:
            ledger.writelines(json.dumps({"task": rug, "record": str(n)}) + "\n" for n in numbers)
    return [json.dumps({"row": n, "knots": 200 + n * 53 % 71}) for n in numbers]


async def weave_on(rug):
    of, pick = map(int, await surely("HMGET", f"rug:{rug}", "rows", "pick"))
    length, ahead = await surely("LLEN", f"rows:{rug}"), []
    loom = at_work[rug] = {"of": of, "length": length, "ahead": ahead}
    while (first := loom["length"] + len(ahead)) < of or ahead:
        if first < of:
            await asyncio.sleep(0.04 + first % 3 * 0.03)
            ahead += weave_rows(rug, range(first, min(first + pick, of)))
        put_on = ("EVAL", PUT_ON, 1, f"rows:{rug}", loom["length"], *ahead)
        if args.carries_on:
            try:
                length = await redis.execute_command(*put_on)
            except AWAY:
                await asyncio.sleep(0.02)
                continue
        else:
            length = await surely(*put_on)
        ahead.clear()
        loom["length"] = length
    del at_work[rug]


def begin(rug):
    loom = asyncio.create_task(weave_on(rug))
    looms.add(loom)
    loom.add_done_callback(looms.discard)


@asynccontextmanager
async def lifespan(_):
    for rug in await surely("SMEMBERS", "rugs"):
        begin(rug)
    yield


mcp = FastMCP("looms", lifespan=lifespan)


@mcp.tool
async def weave_rug(pattern: str, rows: int, pick: int) -> str:
    """Answers with the rug's number, of twelve digits."""
    rug = f"{secrets.randbelow(10**12):012d}"
    await surely("HSET", f"rug:{rug}", "pattern", pattern, "rows", rows, "pick", pick)
    await surely("SADD", "rugs", rug)
    begin(rug)
    return rug


async def known(rug):
    of = await surely("HGET", f"rug:{rug}", "rows")
    if of is None:
        raise ToolError(f"there is no rug {rug}")
    return int(of), await surely("LLEN", f"rows:{rug}")


@mcp.tool
async def look_at_rug(rug: str) -> dict:
    if args.carries_on and (loom := at_work.get(rug)):  # nobody has to be asked
        of, length = loom["of"], loom["length"] + len(loom["ahead"])
    else:
        of, length = await known(rug)
    return {"at": {"rows": length}, "finished": length == of, "of": of}


@mcp.tool
async def rows_of_rug(rug: str, skip: int = 0) -> dict:
    await known(rug)
    rows = await surely("LRANGE", f"rows:{rug}", skip, skip + 24)
    return {"rows": [json.loads(row) for row in rows], "skip": skip + 25 if len(rows) == 25 else None}


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
