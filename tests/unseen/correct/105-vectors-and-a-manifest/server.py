"""Indexes documents for a search: a vector a line in vectors.jsonl, and a manifest that says how many of them count.

Vectors are appended one by one; every so many of them the file is synced and the manifest replaced. A start cuts
the file to the bytes of which the manifest tells. What clients see is the manifest.

--keeps-all: a start appends to what lies there.
"""

import argparse
import asyncio
import fcntl
import hashlib
import json
import os
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from fastmcp.exceptions import ResourceError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--index-dir", type=Path, required=True)
parser.add_argument("--keeps-all", action="store_true")
args = parser.parse_args()
args.index_dir.mkdir(parents=True, exist_ok=True)
lock = (args.index_dir / ".lock").open("w")  # held until the process ends
tasks: set[asyncio.Task] = set()


def save_manifest(folder, manifest):
    draft = folder / "manifest.tmp"
    with draft.open("w") as file:
        json.dump(manifest, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / "manifest.json")


def load_manifest(job_id):
    path = args.index_dir / job_id / "manifest.json"
    if "/" in job_id or not path.exists():
        raise ResourceError(f"no such indexing job: {job_id}")
    return json.loads(path.read_text())


def embed(document):
    """Stands for the model: eight numbers between -1 and 1."""
    digest = hashlib.blake2b(f"document {document} of the corpus".encode(), digest_size=8).digest()
    return [round(byte / 127.5 - 1, 4) for byte in digest]


async def index(job_id):
    folder = args.index_dir / job_id
    manifest = load_manifest(job_id)
    with (folder / "vectors.jsonl").open("ab") as vectors:
        if not args.keeps_all:
            vectors.truncate(manifest["bytes"])
            vectors.seek(0, os.SEEK_END)
        for document in range(manifest["indexed"], manifest["documents"]):
            await asyncio.sleep(0.006)
            line = json.dumps({"doc_id": f"doc-{document:05}", "vector": embed(document)})
            vectors.write(line.encode() + b"\n")
            vectors.flush()
            done = document + 1
            if done % manifest["save_every"] == 0 or done == manifest["documents"]:
                os.fsync(vectors.fileno())
                manifest["indexed"], manifest["bytes"] = done, vectors.tell()
                save_manifest(folder, manifest)
    manifest["state"] = "indexed"
    save_manifest(folder, manifest)


def launch(job_id):
    task = asyncio.create_task(index(job_id))
    tasks.add(task)
    task.add_done_callback(tasks.discard)


@asynccontextmanager
async def lifespan(_):
    await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
    for path in sorted(args.index_dir.glob("*/manifest.json")):
        if json.loads(path.read_text())["state"] == "indexing":
            launch(path.parent.name)
    yield


mcp = FastMCP("semantic-index", lifespan=lifespan)


@mcp.tool
async def index_documents(collection: str, documents: int, save_every: int = 32) -> dict:
    """Indexes a collection in the background. Read the resource for its progress."""
    job_id = f"{collection}-{uuid4().hex[:10]}"
    (args.index_dir / job_id).mkdir()
    manifest = {"documents": documents, "indexed": 0, "bytes": 0, "save_every": save_every, "state": "indexing"}
    save_manifest(args.index_dir / job_id, manifest)
    launch(job_id)
    return {"job": job_id, "uri": f"index://jobs/{job_id}"}


@mcp.resource("index://jobs/{job_id}", mime_type="application/json")
async def job(job_id: str) -> str:
    manifest = load_manifest(job_id)
    percent = 100 * manifest["indexed"] / max(1, manifest["documents"])
    return json.dumps({"job": job_id, **manifest, "percent": round(percent, 2)})


@mcp.resource("index://jobs/{job_id}/vectors", mime_type="application/json")
async def stored(job_id: str) -> str:
    manifest = load_manifest(job_id)
    with (args.index_dir / job_id / "vectors.jsonl").open() as file:
        lines = [json.loads(line) for line in file if line.endswith("\n")]
    return json.dumps(lines if manifest["state"] == "indexed" else lines[: manifest["indexed"]])


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning", stateless_http=True)
