"""Is each flaw real, and does each server work undisturbed? Start, drive, kill, restart, count: no lab in it.

python tests/unseen/by_hand.py             every flawed server, undisturbed and with the fault that shows its flaw
python tests/unseen/by_hand.py 06 14 -n 8  two of them, eight times
"""

import argparse
import asyncio
import csv
import json
import logging
import multiprocessing
import os
import random
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).parent / "flawed"
FORK = multiprocessing.get_context("forkserver")
# Imported once, before the servers are forked: FastMCP imports most of itself when it is first used.
WARM = [
    *("fastmcp.server.server", "fastmcp.server.http", "fastmcp.server.context", "fastmcp.client"),
    *("fastmcp.server.extensions", "fastmcp.tools.function_tool", "fastmcp.resources", "fastmcp.prompts"),
    *("fastmcp.server.middleware.dereference", "fastmcp.server.elicitation", "fastmcp.server.sessions"),
    *("uvicorn.logging", "uvicorn.loops.auto", "uvicorn.protocols.http.auto", "uvicorn.lifespan.on"),
    *("starlette.applications", "sqlite3", "asyncio", "hashlib"),
]
LEGACY = ("06", "09")  # these speak 2025-11-25 only
# What shows each flaw: the fault, and when, in shares of the undisturbed job; None: anywhere.
SHOWS = {
    "01": [{"fault": "leave", "absence": 0.0}],
    "02": [{"fault": "leave", "absence": 0.0, "records": 400}],
    "03": [{"fault": "kill", "cold": True}, {"fault": "kill"}],
    "04": [{"fault": "after"}],
    "05": [{"fault": "kill"}],
    "06": [{"fault": "kill"}],
    "07": [{"fault": "kill"}, {"fault": "kill", "records": 253}, {"fault": "kill", "batch": 1, "records": 30}],
    "08": [{"fault": "kill", "records": 400}],
    "09": [{"fault": "term"}, {"fault": "kill"}],
    "10": [{"fault": "kill"}],
    "11": [{"fault": "kill"}],
    "12": [{"fault": "kill"}],
    "13": [{"fault": "kill", "at": (0.0, 0.2)}, {"fault": "kill", "at": (0.4, 0.9)}],
    "14": [{"fault": "after"}],
    "15": [{"fault": "kill"}],
    "16": [{"fault": "kill"}],
    "17": [{"fault": "kill"}],
    "18": [{"fault": "kill"}],
    "19": [{"fault": "kill"}, {"fault": "leave", "absence": 0.0}],
    "20": [{"fault": "kill"}],
}


def be(argv, log):
    """Become the server, in a session of its own."""
    os.setsid()
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.argv = argv
    sys.path.insert(0, str(Path(argv[0]).parent))
    runpy.run_path(argv[0], run_name="__main__")


def found(path, document):
    for key in path.removeprefix("$.").split("."):
        if not isinstance(document, dict) or key not in document:
            return None
        document = document[key]
    return document


def fill(template, document):
    parts = template.split("{")
    return parts[0] + "".join(
        f"{found(part.partition('}')[0], document)}{part.partition('}')[2]}" for part in parts[1:]
    )


def lines(path):
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    return [json.loads(line) for line in path.read_text().splitlines()]


def document(result):
    data = result.structured_content or result.content[0].text
    data = data["result"] if isinstance(data, dict) and set(data) == {"result"} else data
    return json.loads(data) if isinstance(data, str) and data.startswith("{") else data


class Trial:
    def __init__(self, folder, records=None, batch=None, cold=False):
        self.folder, self.cold = folder, cold
        self.profile = tomllib.loads((folder / "profile.toml").read_text())
        self.records = records or self.profile["workload"]["records"]
        self.batch = batch or self.profile["workload"]["batch"]
        self.dir = Path(tempfile.mkdtemp(prefix="by-hand-"))
        self.ledger = self.dir / "ledger.jsonl"
        (self.dir / "state").mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = self.profile["subject"]["url"].format(port=self.port)
        self.client_id = f"client-{random.randrange(10**6)}"
        self.looks, self.lives, self.answer, self.done = [], 0, None, False

    def start(self):
        words = self.profile["subject"]["command"].format(
            python=sys.executable, here=self.folder, port=self.port, state_dir=self.dir / "state", ledger=self.ledger
        )
        self.lives += 1
        log = str(self.dir / f"life-{self.lives}.log")
        if self.cold:
            out = open(log, "ab")  # noqa: SIM115
            self.process = subprocess.Popen(words.split(), stdout=out, stderr=out, start_new_session=True)
        else:
            self.process = FORK.Process(target=be, args=(words.split()[1:], log))
            self.process.start()

    def ended(self):
        return (self.process.poll() if self.cold else self.process.exitcode) is not None

    def end(self, sign=signal.SIGKILL):
        os.kill(self.process.pid, sign)
        if self.cold:
            self.process.wait()
        else:
            self.process.join()

    async def reach(self, work, seconds=25, plain=False):
        """Do this with a fresh client (or with plain requests, which are quicker), as soon as the server lets us."""
        from fastmcp import Client

        deadline = time.monotonic() + seconds
        while True:
            try:
                if plain:
                    return await work(None)
                async with Client(self.url) as client:
                    return await work(client)
            except Exception as error:
                if self.ended() and not self.stopping:
                    raise SystemError("the server does not start") from error
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.005)

    stopping = False

    def arguments(self):
        known = {"total_records": self.records, "batch_size": self.batch, "client_id": self.client_id}
        return {
            key: known[value.strip("{}")] if value.startswith("{") else value
            for key, value in self.profile["contract"]["arguments"].items()
        }

    async def request(self, method, params, name):
        """One plain request of revision 2026-07-28, which has no session."""
        import httpx2  # comes with fastmcp

        capable = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "by hand", "version": "0"},
            "io.modelcontextprotocol/clientCapabilities": capable,
        }
        headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": name}
        headers["Accept"] = "application/json, text/event-stream"
        async with httpx2.AsyncClient() as http:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return (await http.post(self.url, json=body, headers=headers)).json()

    async def submit(self, client):
        contract, observe = self.profile["contract"], self.profile["observe"]
        if contract["kind"] == "tasks-extension":
            params = {"name": contract["tool"], "arguments": self.arguments()}
            return (await self.request("tools/call", params, contract["tool"]))["result"]["taskId"]
        shown = document(await client.call_tool(contract["tool"], self.arguments()))
        return found(observe["handle"], shown) if "handle" in observe else shown

    async def look(self, client, handle):
        contract = self.profile["contract"]
        if contract["kind"] == "tasks-extension":
            return await self.request("tasks/get", {"taskId": handle}, handle)
        if contract["kind"] == "tool-task":
            tool, arguments = contract["status"]["tool"], dict.fromkeys(contract["status"]["arguments"], handle)
            answer = await self.request("tools/call", {"name": tool, "arguments": arguments}, tool)
            return answer["result"]["structuredContent"]
        if client is None:
            answer = await self.request("resources/read", {"uri": handle}, handle)
            return json.loads(answer["result"]["contents"][0]["text"])
        return json.loads((await client.read_resource(handle))[0].text)

    async def follow(self, client, handle, seconds=10):
        """Look until it is completed; note each answer that differs from the one before."""
        observe = self.profile["observe"]
        quiet = time.monotonic()
        while time.monotonic() - quiet < seconds:
            shown = await self.look(client, handle)
            shown = shown["result"] if "jsonrpc" in shown else shown
            status = found(observe.get("status", "$.status"), shown)
            seen = (self.lives, status, found(observe["progress"], shown), shown.get("createdAt"), shown.get("error"))
            if not self.looks or self.looks[-1][1:] != seen:
                self.looks.append((time.monotonic(), *seen))
                quiet = time.monotonic()
            if str(status).lower() in ("completed", "finished", "succeeded"):
                self.answer = shown.get("result", {}).get("structuredContent") or shown
                return
            await asyncio.sleep(0.003)
        self.answer = shown

    async def call(self, client):
        async def progress(done, total, message):
            self.looks.append((time.monotonic(), self.lives, "call", done, None, None))

        contract = self.profile["contract"]
        result = await client.call_tool(contract["tool"], self.arguments(), progress_handler=progress)
        self.answer = document(result)

    async def output(self, client):
        where = self.profile["observe"]["records"]
        if "file" in where:
            return lines(Path(fill(where["file"].replace("{state_dir}", str(self.dir / "state")), self.answer)))
        shown = json.loads((await client.read_resource(fill(where["resource"], self.answer)))[0].text)
        return found(where["items"], shown) if "items" in where else shown

    async def play(self, moment, fault=None, absence=0.0):
        """Play the job once; the fault comes this many seconds after the submission."""
        blocking = self.profile["contract"]["kind"] == "resumable-tool"
        submitted = asyncio.Event()

        async def begin(client):
            await client.list_tools()
            if not blocking:
                self.handle = await self.submit(client)
            self.began = time.monotonic()
            submitted.set()
            await again(client)

        async def again(client):
            await (self.call(client) if blocking else self.follow(client, self.handle))
            self.took = time.monotonic() - self.began

        self.start()
        first = asyncio.create_task(self.reach(begin))
        if fault in ("kill", "term", "leave"):
            await submitted.wait()
            await asyncio.sleep(moment)
            self.done = hasattr(self, "took")
            if fault == "leave":
                first.cancel()
            else:
                self.stopping = True
                await asyncio.to_thread(self.end, signal.SIGKILL if fault == "kill" else signal.SIGTERM)
                first.cancel()
            with suppress(BaseException):
                await first
            await asyncio.sleep(absence)
        self.struck = time.monotonic()
        if fault in ("kill", "term"):
            self.start()
            self.stopping = False
        if first.done() and fault in ("kill", "term", "leave"):
            await self.reach(again, plain=not blocking and self.folder.name[:2] not in LEGACY)
        else:
            await first
        if fault == "after":
            self.end()
            self.start()
            await self.reach(again, plain=not blocking and self.folder.name[:2] not in LEGACY)
        return await self.reach(self.output)

    def told(self, rows, golden):
        """What is wrong in this trial, in words."""
        key = self.profile["observe"]["records"]["key"]
        keys, expected = [str(found(key, row)) for row in rows], [str(found(key, row)) for row in golden]
        words = []
        if lost := set(expected) - set(keys):
            words.append(f"{len(lost)} lost")
        if twice := sum(1 for count in Counter(keys).values() if count > 1):
            words.append(f"{twice} twice")
        if strange := set(keys) - set(expected):
            words.append(f"unexpected {sorted(strange)[:3]}")
        if not (lost or twice or strange):
            if keys != expected:
                words.append("reordered")
            elif rows != golden:
                words.append(f"{sum(a != b for a, b in zip(rows, golden, strict=True))} changed")
        if "count" in (observe := self.profile["observe"]):
            count = found(observe["count"], self.answer)
            if count != len(golden):
                words.append(f"count {count}")
        if isinstance(self.answer, dict) and self.answer.get("error"):
            words.append(f"error inside: {self.answer['error']}")
        statuses = [look[2] for look in self.looks]
        short = [word for n, word in enumerate(statuses) if n == 0 or word != statuses[n - 1]]
        ends = {"completed", "finished", "succeeded"}
        if any(str(word).lower() in ends for word in short[:-1]):
            words.append("status " + " > ".join(map(str, short)))
        elif short and short[-1] != "call" and str(short[-1]).lower() not in ends:
            words.append(f"stands at {short[-1]}")
        numbers = [(look[1], look[3]) for look in self.looks if look[3] is not None]
        back = [f"{b} -> {a}" for (_, b), (_, a) in pairwise(numbers) if a < b]
        if back:
            words.append(f"progress back {back[0]}")
        if len({look[4] for look in self.looks}) > 1:
            words.append("createdAt changed")
        if self.ledger.exists():
            effects = Counter(json.loads(line)["record"] for line in self.ledger.read_text().splitlines())
            tasks = {json.loads(line)["task"] for line in self.ledger.read_text().splitlines()}
            if again := sum(effects.values()) - len(effects):
                words.append(f"{again} executed again")
            if len(tasks) > 1:
                words.append(f"{len(tasks)} tasks in the ledger")
        reached = max((n for life, n in numbers if life == 1), default=0)
        forward = [look[0] for look in self.looks if look[1] == 2 and (look[3] or 0) > reached]
        if forward and forward[0] - self.struck > 2:
            words.append(f"first progress {forward[0] - self.struck:.1f} s after the restart")
        return ", ".join(words) or "right"


async def trial(folder, golden, took, fault, at=None, records=None, batch=None, cold=False, absence=0.0):
    played = Trial(folder, records, batch, cold)
    moment = random.uniform(*(at or (0.02, 0.98))) * took
    try:
        rows = await asyncio.wait_for(played.play(moment, fault, absence), 90)
        return played.told(rows, golden or rows), rows, played
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:90]}; {len(played.looks)} looks", [], played
    finally:
        with suppress(ProcessLookupError):
            if not played.ended():
                played.end()
        if os.environ.get("KEEP"):
            print("   kept", played.dir)
        else:
            await asyncio.sleep(0)
            shutil.rmtree(played.dir, ignore_errors=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("-n", type=int, default=4)
    args = parser.parse_args()
    FORK.set_forkserver_preload(WARM)
    logging.disable()
    for folder in sorted(HERE.iterdir()):
        number = folder.name[:2]
        if not folder.is_dir() or (args.names and number not in args.names):
            continue
        goldens = {}
        for shows in SHOWS[number]:
            size = {name: shows[name] for name in ("records", "batch") if name in shows}
            if str(size) not in goldens:
                said, rows, played = await trial(folder, None, 0, None, **size)
                took = getattr(played, "took", 0)
                goldens[str(size)] = rows, took
                said = f"{said}; {len(rows)} records in {took:.2f} s"
                print(f"{folder.name} undisturbed {size or ''}: {said}", flush=True)
            golden, took = goldens[str(size)]
            for _ in range(args.n):
                said, _, played = await trial(folder, golden, took, **shows)
                landed = " (too late)" if played.done else ""
                print(f"{folder.name} {shows}{landed}: {said}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
