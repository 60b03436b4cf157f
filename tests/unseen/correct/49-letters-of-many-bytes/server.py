"""Labels museum pieces in several scripts. The labels are appended to a file; the job's own file says how long it is.

--letters: that length is the sum of what was written, as Python counts a text.
"""

import argparse
import asyncio
import fcntl
import json
import os
import uuid
from pathlib import Path

import mcp_types as mt
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

parser = argparse.ArgumentParser()
parser.add_argument("--dir", type=Path, required=True)
parser.add_argument("--letters", action="store_true")
args = parser.parse_args()
WORDS = ["крушка", "青花瓷", "ναός", "Schüssel", "قنديل", "lamp"]
jobs = {}


def save(job):
    fresh = args.dir / f"{job['id']}.tmp"
    fresh.write_text(json.dumps(job))
    fresh.replace(args.dir / f"{job['id']}.json")


async def label(job):
    path = args.dir / f"{job['id']}.labels"
    path.touch()
    os.truncate(path, job["length"])  # what was written and not noted is written anew
    while job["done"] < job["pieces"]:
        await asyncio.sleep(0.04)
        end = min(job["done"] + job["tray"], job["pieces"])
        lines = [{"piece": n, "label": f"{WORDS[n % 6]} №{n}"} for n in range(job["done"], end)]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
        length = job["length"] + len(text if args.letters else text.encode())
        after = job | {"done": end, "length": length}
        save(after)
        job.update(after)


def labelled(path):
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # half a line: it is being written


def start(job):
    jobs[job["id"]] = job
    job_tasks.append(asyncio.create_task(label(job)))


def answer(name, given):
    if name == "label_pieces":
        job = {"id": uuid.uuid4().hex, "done": 0, "length": 0, "pieces": given["pieces"], "tray": given["tray"]}
        save(job)
        start(job)
        return {"job": job["id"]}
    job = jobs[given["job"]]
    if name == "labels":
        return {"labels": list(labelled(args.dir / f"{job['id']}.labels"))}
    status = "completed" if job["done"] == job["pieces"] else "running"
    return {"status": status, "percent": 100 * job["done"] / job["pieces"]}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
SHAPES = {"label_pieces": {"pieces": WHOLE, "tray": WHOLE}, "label_status": {"job": TEXT}, "labels": {"job": TEXT}}


async def list_tools(_, params):
    shapes = {name: {"type": "object", "properties": takes} for name, takes in SHAPES.items()}
    return mt.ListToolsResult(tools=[mt.Tool(name=name, input_schema=shape) for name, shape in shapes.items()])


async def call_tool(_, params):
    try:
        document = answer(params.name, params.arguments or {})
    except KeyError as unknown:
        return mt.CallToolResult(content=[mt.TextContent(type="text", text=f"unknown: {unknown}")], is_error=True)
    content = [mt.TextContent(type="text", text=json.dumps(document, ensure_ascii=False))]
    return mt.CallToolResult(content=content, structured_content=document)


async def main():
    while True:  # the server before us may not have seen yet that its host is gone
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            await asyncio.sleep(0.02)
    for path in args.dir.glob("*.json"):
        start(json.loads(path.read_text()))
    server = Server("labels", version="0.3", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
    os._exit(0)


job_tasks = []
lock = (args.dir / "lock").open("w")
if __name__ == "__main__":
    asyncio.run(main())
