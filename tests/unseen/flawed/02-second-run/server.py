"""Transcodes clips. The work survives the call that started it, but the list of who works is the call's."""

import argparse
import asyncio
import json
from pathlib import Path
from uuid import uuid4

from fastmcp import Context, FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger", type=Path)
args = parser.parse_args()
runs = {}
mcp = FastMCP("transcoder")


def save(client, state):
    beside = args.dir / f"{client}.new"
    beside.write_text(json.dumps(state))
    beside.replace(args.dir / f"{client}.json")


def load(client):
    path = args.dir / f"{client}.json"
    return json.loads(path.read_text()) if path.exists() else {"done": 0, "bytes": 0}


def append(client, run, numbers):
    if args.ledger:
        with args.ledger.open("a") as file:
            file.writelines(json.dumps({"task": run, "record": n}) + "\n" for n in numbers)
    with (args.dir / f"{client}.jsonl").open("a") as file:
        file.writelines(json.dumps({"clip": n, "codec": "av1"}) + "\n" for n in numbers)
        return file.tell()


def cut(client, size):  # what is beyond the checkpoint was written by a life that died
    with (args.dir / f"{client}.jsonl").open("ab") as file:
        file.truncate(size)


async def work(client, total, batch, state, show):
    run = state.setdefault("run", uuid4().hex)
    save(client, state)
    cut(client, state["bytes"])
    while state["done"] < total:
        await asyncio.sleep(0.07)
        numbers = range(state["done"], min(state["done"] + batch, total))
        state |= {"bytes": append(client, run, numbers), "done": numbers.stop}
        save(client, state)
        show["done"] = numbers.stop
    return state["done"]


@mcp.tool
async def transcode(client: str, total: int, batch: int, context: Context) -> dict:
    if client not in runs:
        show = {"done": 0}
        runs[client] = asyncio.create_task(work(client, total, batch, load(client), show)), show
    task, show = runs[client]
    told = 0
    try:
        while not task.done():
            await asyncio.wait([task], timeout=0.02)
            if show["done"] > told:
                told = show["done"]
                await context.report_progress(told, total)
        return {"client": client, "transcoded": task.result()}
    finally:
        runs.pop(client, None)


@mcp.resource("clips://{client}")
def clips(client: str) -> str:
    lines = (args.dir / f"{client}.jsonl").read_text().splitlines()
    return json.dumps({"clips": [json.loads(line) for line in lines]})


mcp.run(transport="http", port=args.port, show_banner=False)
