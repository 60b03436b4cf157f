"""Geocodes addresses. Nothing runs at start: a job of an earlier life is picked up when somebody first asks for it."""

import argparse
import asyncio
import fcntl
import json
import os
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
args = parser.parse_args()
mcp = FastMCP("geocoder")
running = {}


def load(job):
    """The order, and the batches that are whole: one line each, of which the last may be torn."""
    try:
        lines = (args.dir / f"{job}.log").read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        raise ToolError(f"job {job} is not known here") from None
    whole = [line for line in lines if line.endswith(b"\n")]
    order, *batches = [json.loads(line) for line in whole]
    return order, [place for batch in batches for place in batch], sum(map(len, whole))


async def geocode(job):
    with (args.dir / f"{job}.log").open("r+b", buffering=0) as log:
        while True:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:  # a server that is going down has it
                await asyncio.sleep(0.02)
        order, places, size = load(job)
        log.truncate(size)
        log.seek(size)
        while len(places) < order["addresses"]:
            new = []
            for n in range(len(places), min(len(places) + order["chunk"], order["addresses"])):
                await asyncio.sleep(0.007)
                if args.ledger:
                    with open(args.ledger, "a") as ledger:
                        ledger.write(json.dumps({"task": job, "record": n}) + "\n")
                new.append({"address": n, "lat": 48 + n / 1000, "lon": 11 - n / 500})
            log.write(json.dumps(new).encode() + b"\n")
            os.fsync(log.fileno())
            places += new


def wake(job):
    if job not in running:
        running[job] = asyncio.create_task(geocode(job))


@mcp.tool
async def geocode_addresses(addresses: int, chunk: int) -> dict:
    job = uuid4().hex
    new = args.dir / f"{job}.new"
    new.write_text(json.dumps({"addresses": addresses, "chunk": chunk}) + "\n")
    new.rename(args.dir / f"{job}.log")
    wake(job)
    return {"id": job, "note": "ask job_status for progress"}


@mcp.tool
async def job_status(id: str) -> dict:
    order, places, _ = load(id)
    wake(id)
    ready = len(places) == order["addresses"]
    return {
        "id": id,
        "status": "Done" if ready else "Running",
        "geocoded": len(places),
        "addresses": order["addresses"],
    }


@mcp.tool
async def job_places(id: str) -> dict:
    _, places, _ = load(id)
    wake(id)
    return {"places": places}


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
