"""Kills each correct server by hand, without the lab, and compares its output with that of an undisturbed run.

    python tests/unseen/by_hand_correct.py [NAME ...] [--seed 0] [--trials 2] [--kills 4]

For each server: undisturbed jobs of several sizes in one life; then in each trial a job, SIGKILL of the whole process
group at random moments, a restart each time, the output compared, a kill after the end, the output read again; then
SIGTERM in mid-job, a client that leaves in mid-call and a freeze. Lives differ in their PYTHONHASHSEED. Prints one line
for each server, with the faults that found the job unfinished; the exit code is the number of servers that were wrong.
"""

import argparse
import asyncio
import contextlib
import csv
import json
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from pathlib import Path
from uuid import uuid4

import httpx2
from fastmcp import Client

HERE = Path(__file__).parent / "correct"
ENDS = {"completed", "succeeded", "done", "finished", "task_state_completed", "failed", "success", "complete"}


def found(path, document):
    for part in path.removeprefix("$").split(".")[1:]:
        document = document[part] if isinstance(document, dict) else None
    return document


def fill(template, values):
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}
    if not isinstance(template, str):
        return template

    def one(match):
        name = match[1]
        return str(values[name] if name in values else found(f"$.{name}", values))

    if whole := re.fullmatch(r"\{([\w.]+)\}", template):
        return values[whole[1]]
    return re.sub(r"\{([\w.]+)\}", one, template)


def read_result(result):
    document = result.structured_content
    if isinstance(document, dict) and set(document) == {"result"}:
        document = document["result"]
    if document is None and result.content:
        block = result.content[0]
        document = str(block.uri) if block.type == "resource_link" else block.text
    if isinstance(document, str):
        try:
            return json.loads(document)
        except ValueError:
            return document
    return document


class ForkServer:
    def __init__(self, hash_seed):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE.with_name("warm_start.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
        )

    def start(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


FORK_SERVERS = []


class Trial:
    def __init__(self, folder, records=None, batch=None):
        self.profile = tomllib.loads((folder / "profile.toml").read_text())
        workload = {"records": 100, "batch": 10} | self.profile.get("workload", {})
        self.scratch = tempfile.TemporaryDirectory(prefix="by-hand-")
        state = Path(self.scratch.name) / "state"
        state.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.ledger = Path(self.scratch.name) / "ledger.jsonl"
        self.values = {
            "python": sys.executable,
            "here": folder,
            "port": port,
            "state_dir": state,
            "ledger": self.ledger,
            "total_records": records or workload["records"],
            "batch_size": batch or workload["batch"],
            "client_id": uuid4().hex,
            "run_id": "r1",
        }
        self.contract, self.observe = self.profile["contract"], self.profile["observe"]
        self.handle, self.process, self.lives, self.last = None, None, 0, {}
        self.client = None
        self.url = fill(self.profile["subject"]["url"], self.values)

    def start(self, warm=True):
        """Cold is the undisturbed life, and any behind a shell; the others are forked."""
        self.lives += 1
        argv = shlex.split(fill(self.profile["subject"]["command"], self.values))
        environment = self.profile["subject"].get("environment", {})
        log = Path(self.scratch.name) / "server.log"
        if warm and argv[0] == sys.executable:
            order = {"argv": argv[1:], "environment": environment, "log": str(log)}
            self.process = FORK_SERVERS[self.lives % 2].start(order)
            return
        environment = os.environ | {"PYTHONHASHSEED": str(random.randrange(1000))} | environment
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                argv, start_new_session=True, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment
            ).pid

    def send(self, number):
        os.killpg(self.process, number)

    def kill(self, number=signal.SIGKILL):
        """Return when nobody of the group is left; those who are still there after a second or so get SIGKILL."""
        if number == signal.SIGKILL:
            self.send(number)
        else:
            os.kill(self.process, number)
        end = time.monotonic() + 4
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            while True:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(self.process, os.WNOHANG)
                os.killpg(self.process, signal.SIGKILL if time.monotonic() > end else 0)
                time.sleep(0.005)
        self.process = None

    async def patiently(self, question, deadline=60):
        """Ask until it is answered; the server may be away, or still loading."""
        end = time.monotonic() + deadline
        while True:
            try:
                async with asyncio.timeout(20):
                    return await question()
            except Exception as error:
                if time.monotonic() > end:
                    log = (Path(self.scratch.name) / "server.log").read_text()[-3000:]
                    raise RuntimeError(f"no answer: {error!r}\n{log}") from error
                await asyncio.sleep(0.05)

    async def extension(self, method, name, params):
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "by-hand", "version": "0"},
            "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
        }
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": meta}}
        headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": name}
        headers |= {"Accept": "application/json, text/event-stream"}
        async with httpx2.AsyncClient() as http:
            return (await http.post(self.url, json=message, headers=headers)).json()["result"]

    @contextlib.asynccontextmanager
    async def kept(self):
        """A connection that is kept for as long as it works."""
        client = self.client or await Client(self.url).__aenter__()
        self.client = None
        try:
            yield client
        except BaseException:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2):
                    await client.__aexit__(None, None, None)
            raise
        self.client = client

    async def call(self, tool, arguments):
        async with self.kept() as client:
            return read_result(await client.call_tool(tool, fill(arguments, self.values)))

    async def read(self, uri):
        async with self.kept() as client:
            return json.loads((await client.read_resource(uri))[0].text)

    async def hello(self):
        async with self.kept() as client:
            await client.list_tools()

    async def submit(self):
        arguments = self.contract["arguments"]
        if self.contract["kind"] == "tasks-extension":
            filled = {"name": self.contract["tool"], "arguments": fill(arguments, self.values)}
            answer = await self.extension("tools/call", self.contract["tool"], filled)
            self.handle = answer["taskId"]
        else:
            answer = await self.call(self.contract["tool"], arguments)
            path = self.observe.get("handle")
            self.handle = found(path, answer) if path else answer
        self.values["handle"] = self.handle
        return answer

    async def look(self):
        kind = self.contract["kind"]
        if kind == "tasks-extension":
            return await self.extension("tasks/get", self.handle, {"taskId": self.handle})
        if kind == "tool-task":
            return await self.call(self.contract["status"]["tool"], self.contract["status"]["arguments"])
        return await self.read(self.handle)

    def ended(self, document):
        word = str(found(self.observe.get("status", "$.status"), document))
        words = {word for some in self.observe.get("words", {}).values() for word in some}
        return word.lower() in ENDS or word in words

    async def finish(self):
        """The job's last document: of the call, or of the status."""
        if self.contract["kind"] == "resumable-tool":
            self.last = await self.patiently(lambda: self.call(self.contract["tool"], self.contract["arguments"]))
            return self.last
        end = time.monotonic() + 90
        while time.monotonic() < end:
            self.last = await self.patiently(self.look)
            if self.ended(self.last):
                return self.last
            await asyncio.sleep(0.04)
        raise RuntimeError(f"it does not end: {self.last}")

    async def output(self):
        where = self.observe["records"]
        values = self.values | (self.last if isinstance(self.last, dict) else {})
        if "tool" in where:
            pages = [await self.patiently(lambda: self.call(where["tool"], where["arguments"]))]
        elif "resource" in where:
            pages, uri = [], fill(where["resource"], values)
            while uri:
                page = await self.patiently(lambda uri=uri: self.read(uri))
                pages.append(page)
                uri = found(where["next"], page) if "next" in where else None
        else:
            path = Path(fill(where["file"], values))
            if path.suffix == ".json":
                pages = [json.loads(path.read_text())]
            elif path.suffix == ".csv":
                with path.open(newline="") as file:
                    pages = [list(csv.DictReader(file))]
            else:
                pages = [[json.loads(line) for line in path.read_text().splitlines()]]
        return [row for page in pages for row in (found(where["items"], page) if "items" in where else page)]

    def keys(self, rows):
        return [found(self.observe["records"]["key"], row) for row in rows]

    def check(self, rows, golden):
        total = self.values["total_records"]
        assert len(rows) == total, f"{len(rows)} of {total} records"
        assert rows == golden, "another output than the undisturbed one"
        if "count" in self.observe and isinstance(self.last, dict):
            assert found(self.observe["count"], self.last) == total, self.last
        if self.ledger.exists():
            lines = [json.loads(line) for line in self.ledger.read_text().splitlines()]
            done = Counter(str(line["record"]) for line in lines)
            assert set(done) == {str(key) for key in self.keys(rows)}, "the ledger has other records than the output"
            again = len(lines) - total
            assert again <= (self.lives - 1) * self.values["batch_size"], f"{again} again in {self.lives} lives"

    def close(self):
        if self.process:
            self.kill()
        self.scratch.cleanup()


async def undisturbed(folder, sizes):
    """The output of a job of each size, one after the other in one life, and how long it took."""
    trial, seen = Trial(folder), []
    try:
        trial.start(warm=False)
        for records, batch in sizes:
            trial.values |= {"total_records": records, "batch_size": batch, "client_id": uuid4().hex}
            trial.ledger.unlink(missing_ok=True)
            await trial.patiently(trial.hello)
            began = time.monotonic()
            if trial.contract["kind"] != "resumable-tool":
                await trial.submit()
            await trial.finish()
            lasted = time.monotonic() - began
            rows = await trial.output()
            assert len(set(map(str, trial.keys(rows)))) == records == len(rows), f"{len(rows)} of {records}"
            trial.check(rows, rows)
            seen.append((rows, lasted))
        return seen
    finally:
        trial.close()


async def disturbed(folder, faults, golden, records, batch, afterlife=True):
    """One job, and these faults at random moments; how many of them found it unfinished."""
    trial, landed = Trial(folder, records, batch), 0
    blocking = trial.contract["kind"] == "resumable-tool"
    try:
        trial.start()
        await trial.patiently(trial.hello)
        if not blocking:
            await trial.submit()
        for fault in faults:
            moment = random.uniform(0.0, 0.3)
            if blocking:
                calling = asyncio.create_task(trial.call(trial.contract["tool"], trial.contract["arguments"]))
                await asyncio.wait([calling], timeout=moment + 0.15)
                unfinished = not calling.done()
            else:
                await asyncio.sleep(moment)
                document = await trial.patiently(trial.look)
                unfinished = not trial.ended(document)
                if not unfinished:
                    break
                await asyncio.sleep(random.uniform(0.0, 0.04))
            if fault == "leave" and blocking:
                calling.cancel()
            elif fault == "freeze":
                trial.send(signal.SIGSTOP)
                await asyncio.sleep(0.3)
                trial.send(signal.SIGCONT)
            elif fault in ("kill", "term"):
                trial.kill(signal.SIGKILL if fault == "kill" else signal.SIGTERM)
                trial.start()
            landed += unfinished
            if blocking:
                await asyncio.gather(calling, return_exceptions=True)
        await trial.finish()
        if trial.profile.get("claims", {}).get("resumes", True):
            trial.check(await trial.output(), golden)
        else:
            assert found(trial.observe["status"], trial.last) in trial.observe["words"]["failed"] or not landed, (
                trial.last
            )
            rows = await trial.output()
            assert rows == golden[: len(rows)], "a partial output that is none"
        if afterlife:
            before, rows = trial.last, await trial.output()
            trial.kill()
            trial.start()
            await trial.finish()
            if not blocking:  # another call may say how long it took
                assert trial.last == before, f"{before} was {trial.last} after a kill behind the end"
            assert await trial.output() == rows
        return landed
    finally:
        trial.close()


async def prove(folder, options):
    profile = tomllib.loads((folder / "profile.toml").read_text())
    workload = {"records": 100, "batch": 10} | profile.get("workload", {})
    ten = workload["batch"]
    sizes = [(workload["records"], ten), (options.records, ten), (1, ten), (ten, ten)]
    if "{batch_size}" in str(profile["contract"]):
        sizes.append((7, 1))
    (_, lasted), (golden, _), *_ = await undisturbed(folder, sizes)
    kills = 0
    for _ in range(options.trials):
        kills += await disturbed(folder, ["kill"] * options.kills, golden, *sizes[1])
    others = await disturbed(folder, ["term", "leave", "freeze"], golden, *sizes[1], afterlife=False)
    return f"{lasted:5.2f} s undisturbed, {kills} kills and {others} of 3 other faults in mid-job, exact"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--records", type=int, default=253, help="in the job that is killed")
    options = parser.parse_args()
    random.seed(options.seed)
    wrong = 0
    FORK_SERVERS.extend(ForkServer(seed) for seed in ("1", "2"))
    for folder in sorted(path.parent for path in HERE.glob("*/profile.toml")):
        if options.names and not any(name in folder.name for name in options.names):
            continue
        try:
            print(f"{folder.name:28} {await prove(folder, options)}", flush=True)
        except Exception as error:
            wrong += 1
            print(f"{folder.name:28} WRONG: {error!r}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
