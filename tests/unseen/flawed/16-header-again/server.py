"""Prices articles into a CSV file. Whoever opens the file writes its header: a resumed job, too."""

import argparse
import asyncio
import csv
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
running = set()


def save(job):
    beside = args.dir / f"{job['name']}.tmp"
    beside.write_text(json.dumps(job))
    beside.replace(args.dir / f"{job['name']}.job")


def load(name):
    return json.loads((args.dir / f"{name}.job").read_text())


def append(job, file, rows, numbers):
    if args.ledger:
        with args.ledger.open("a") as ledger:
            ledger.writelines(json.dumps({"task": job["name"], "record": f"A{n:03}"}) + "\n" for n in numbers)
    rows.writerows({"sku": f"A{n:03}", "price": f"{n % 50}.99"} for n in numbers)
    file.flush()
    job |= {"done": numbers.stop, "bytes": file.tell()}
    save(job)


async def work(job):
    with (args.dir / f"{job['name']}.csv").open("a", newline="") as file:
        file.truncate(job["bytes"])
        rows = csv.DictWriter(file, ["sku", "price"], lineterminator="\n")
        rows.writeheader()
        while job["done"] < job["total"]:
            await asyncio.sleep(0.09)
            append(job, file, rows, range(job["done"], min(job["done"] + job["batch"], job["total"])))


@asynccontextmanager
async def lifespan(_):
    for path in args.dir.glob("*.job"):
        job = load(path.stem)
        if job["done"] < job["total"]:
            running.add(asyncio.create_task(work(job)))
    yield


mcp = FastMCP("prices", lifespan=lifespan)


@mcp.tool
async def price_articles(total: int, batch: int) -> str:
    job = {"name": uuid4().hex[:12], "total": total, "batch": batch, "done": 0, "bytes": 0}
    save(job)
    running.add(asyncio.create_task(work(job)))
    return f"prices://{job['name']}"


@mcp.resource("prices://{name}")
def status(name: str) -> str:
    try:
        job = load(name)
    except FileNotFoundError:
        return json.dumps({"error": f"no price list {name}"})
    return json.dumps(job | {"status": "succeeded" if job["done"] == job["total"] else "running"})


mcp.run(transport="http", port=args.port, show_banner=False)
