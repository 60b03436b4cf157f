"""One trial by hand: a server, its profile, a job, a fault. Knows nothing of the lab."""

import asyncio
import csv
import json
import multiprocessing
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from contextlib import suppress
from pathlib import Path

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
        self.ledger = self.dir / "effects.txt"
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
