"""Signs invoices into a CSV file a job. After a start, what had been completed is verified, and running meanwhile."""

import argparse
import asyncio
import csv
import hashlib
import json
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
args = parser.parse_args()
jobs = {}
running = set()


def save(job):
    beside = args.dir / f"{job['id']}.tmp"
    beside.write_text(json.dumps(job))
    beside.replace(args.dir / f"{job['id']}.job")


def output(job):
    return args.dir / f"{job['id']}.csv"


def sign(n):
    return hashlib.sha256(b"secret %d" % n).hexdigest()[:16]


def cut(job):
    with output(job).open("ab") as file:
        file.truncate(job["bytes"])


def append(job, numbers):
    with output(job).open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([n, sign(n)] for n in numbers)
        return file.tell()


def signed(job):
    with output(job).open(newline="") as file:
        return [(int(n), signature) for n, signature in csv.reader(file)]


async def work(job):
    cut(job)
    while job["done"] < job["total"]:
        await asyncio.sleep(0.055)
        numbers = range(job["done"], min(job["done"] + job["batch"], job["total"]))
        job["bytes"] = append(job, numbers)
        job["done"] = numbers.stop
        job["status"] = "finished" if job["done"] == job["total"] else "running"
        save(job)


async def verify(job):
    job |= {"status": "running", "done": 0}
    for n, signature in signed(job):
        await asyncio.sleep(0.004)  # the key service
        if signature != sign(n):
            job["status"] = "failed"
            return
        job["done"] += 1
    job["status"] = "finished"


@asynccontextmanager
async def lifespan(_):
    for path in args.dir.glob("*.job"):
        job = json.loads(path.read_text())
        jobs[job["id"]] = job
        again = verify(job) if job["status"] == "finished" else work(job)
        running.add(asyncio.create_task(again))
    yield


mcp = FastMCP("invoices", lifespan=lifespan)


@mcp.tool
async def sign_invoices(total: int, batch: int) -> str:
    job = {"id": uuid4().hex, "total": total, "batch": batch, "done": 0, "bytes": 0, "status": "queued"}
    save(job)
    jobs[job["id"]] = job
    running.add(asyncio.create_task(work(job)))
    return f"invoices://{job['id']}"


@mcp.resource("invoices://{name}")
async def status(name: str) -> str:
    return json.dumps(jobs.get(name) or {"error": f"there is no job {name}"})


@mcp.resource("invoices://{name}/signatures")
def signatures(name: str) -> str:
    return json.dumps([{"invoice": n, "signature": signature} for n, signature in signed(jobs[name])])


mcp.run(transport="http", port=args.port, show_banner=False)
