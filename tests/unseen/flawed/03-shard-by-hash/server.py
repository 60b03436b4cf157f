"""Embeds documents; each client's vectors lie in a shard whose number is the hash of the client's name."""

import argparse
import asyncio
import json
from pathlib import Path

from fastmcp import Context, FastMCP

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger", type=Path)
args = parser.parse_args()
locks = {}
mcp = FastMCP("embeddings")


def shard(client):
    return args.dir / f"shard-{hash(client) & 0xFFFFF:05x}.json"


def load(client):
    path = shard(client)
    return json.loads(path.read_text()).get(client, []) if path.exists() else []


def save(client, vectors):
    path = shard(client)
    everybody = json.loads(path.read_text()) if path.exists() else {}
    everybody[client] = vectors
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(everybody))
    beside.replace(path)


def note(client, numbers):
    if args.ledger:
        with args.ledger.open("a") as file:
            file.writelines(json.dumps({"task": client, "record": n}) + "\n" for n in numbers)


@mcp.tool
async def embed(client: str, total: int, batch: int, context: Context) -> dict:
    async with locks.setdefault(client, asyncio.Lock()):
        vectors = load(client)
        while len(vectors) < total:
            await asyncio.sleep(0.045)
            numbers = range(len(vectors), min(len(vectors) + batch, total))
            note(client, numbers)
            vectors += [{"doc": n, "vector": [n % 7, n % 11, n % 13]} for n in numbers]
            save(client, vectors)
            await context.report_progress(len(vectors), total, f"{len(vectors)}/{total} documents")
        return {"client": client, "embedded": len(vectors)}


@mcp.resource("vectors://{client}")
def stored(client: str) -> str:
    return json.dumps(load(client))


mcp.run(transport="http", port=args.port, show_banner=False)
