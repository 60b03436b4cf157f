"""Scans hosts. A job at which nobody works is shown as completed, and after a start nobody works for a moment."""

import argparse
import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger", type=Path)
args = parser.parse_args()
workers = {}
background = set()


def save(job):
    beside = args.dir / f"{job['id']}.tmp"
    beside.write_text(json.dumps(job))
    beside.replace(args.dir / f"{job['id']}.json")


def load(name):
    path = args.dir / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def scan(job):
    numbers = range(len(job["hosts"]), min(len(job["hosts"]) + job["batch"], job["total"]))
    if args.ledger:
        with args.ledger.open("a") as file:
            file.writelines(json.dumps({"task": job["id"], "record": f"10.0.0.{n}"}) + "\n" for n in numbers)
    job["hosts"] += [{"host": f"10.0.0.{n}", "open": [22, 80 + n]} for n in numbers]
    save(job)


async def work(job):
    while len(job["hosts"]) < job["total"]:
        await asyncio.sleep(0.065)
        scan(job)
    workers.pop(job["id"])


def start(job):
    workers[job["id"]] = asyncio.create_task(work(job))


async def resume():
    await asyncio.sleep(0.6)  # let the network come up
    for path in args.dir.glob("*.json"):
        job = load(path.stem)
        if len(job["hosts"]) < job["total"] and job["id"] not in workers:
            start(job)


@asynccontextmanager
async def lifespan(_):
    background.add(asyncio.create_task(resume()))
    yield


mcp = FastMCP("scanner", lifespan=lifespan)


@mcp.tool
async def scan_network(total: int, batch: int) -> str:
    job = {"id": uuid4().hex, "total": total, "batch": batch, "hosts": []}
    save(job)
    start(job)
    return f"scan://{job['id']}"


@mcp.resource("scan://{name}")
async def status(name: str) -> str:
    job = load(name)
    if job is None:
        return json.dumps({"error": f"there is no scan {name}"})
    state = "running" if name in workers else "completed"
    return json.dumps({"id": name, "status": state, "scanned": len(job["hosts"]), "hosts": job["total"]})


@mcp.resource("scan://{name}/hosts")
def hosts(name: str) -> str:
    return json.dumps(load(name)["hosts"])


mcp.run(transport="http", port=args.port, show_banner=False)
