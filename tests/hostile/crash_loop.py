"""A plain loop of kills: start, kill at a random moment, start again, and compare all that comes out with an oracle.

Nothing of the lab is used, which might be wrong in the same way: processes are forked by ``nursery``, requests are
typed by hand, and outputs are worked out by ``crash_oracle``. It prints its seed, and what was killed:

    python -m tests.hostile.crash_loop --victims server client --kills 100 --seed 7
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.hostile import crash_oracle
from tests.hostile.crash_jobs import EPOCHS, Job, check, jobs_of, training
from tests.hostile.nursery import CLIENT, SERVER, Life, Nursery

DEADLINE_S = 60.0
LONGEST_LIFE_S = 0.25
EARLY = 0.15  # of all kills come before the server is ready
_LOOK_S = 0.003
Answer = dict[str, Any]


class NoAnswer(Exception):
    """The server died before it had answered, or was not there."""


def ask(port: int, method: str, named: str, /, **params: Any) -> Answer:
    """One request of the era without sessions; raises NoAnswer, and AssertionError for an error."""
    meta = {f"io.modelcontextprotocol/{key}": value for key, value in _ME.items()}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {"Mcp-Method": method, "Mcp-Name": named, "MCP-Protocol-Version": _ME["protocolVersion"], **_HEADERS}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("POST", "/mcp", json.dumps(body), headers)
        text = connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer from error
    finally:
        connection.close()
    events = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")] or [text]
    answer: Answer = json.loads(events[-1])
    if "result" not in answer and "error" not in answer:
        raise NoAnswer
    assert "result" in answer, answer
    result: Answer = answer["result"]
    return result


_ME: Answer = {
    "protocolVersion": "2026-07-28",
    "clientInfo": {"name": "crash loop", "version": "1"},
    "clientCapabilities": {},
}
_HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def read(port: int, uri: str) -> Answer:
    """A resource."""
    found: Answer = json.loads(ask(port, "resources/read", uri, uri=uri)["contents"][0]["text"])
    return found


def call(port: int, tool: str, arguments: Answer) -> Answer:
    """What a tool answers; raises AssertionError for a tool's error."""
    result = ask(port, "tools/call", tool, name=tool, arguments=arguments)
    assert not result.get("isError"), result
    answer: Answer = result["structuredContent"]
    return answer


@dataclass(slots=True)
class Loop:
    """One data root with its server and client, and how often they were killed."""

    nursery: Nursery
    folder: Path
    moments: random.Random
    port: int
    most_kills: int
    kills: int = 0
    tasks: int = 0
    known: set[str | None] = field(default_factory=set)
    weights: dict[int, str] = field(default_factory=dict)
    server: Life | None = None

    @property
    def calm(self) -> bool:
        """Whether nobody is to be killed any more."""
        return self.kills >= self.most_kills

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """A new life of the server; it may not be ready yet."""
        words = ("--port", self.port, "--data-root", self.data, "--store", self.folder / "tasks.db")
        self.server = self.nursery.start(SERVER, *words, out=self.folder / "server.out")

    def wait_ready(self) -> None:
        """Wait for its ready line; raises AssertionError when it ends instead."""
        assert self.server
        deadline = time.monotonic() + DEADLINE_S
        while not (self.server.out.exists() and self.server.out.read_text().endswith("\n")):
            assert not self.server.ended(), self.server.err.read_text()
            assert time.monotonic() < deadline, "the server does not become ready"
            time.sleep(_LOOK_S)

    def kill(self) -> None:
        """End this life of the server."""
        if self.server:
            self.server.kill()
            self.server, self.kills = None, self.kills + (not self.calm)

    def learn_weights(self) -> None:
        """In a first life that nobody disturbs: what each training comes to."""
        self.start()
        self.wait_ready()
        for epochs in EPOCHS:
            self.tasks += 1
            task_id = call(self.port, "start_ml_training", training(epochs, f"undisturbed {epochs}"))["task_id"]
            while (task := read(self.port, f"task://status/{task_id}"))["status"] != "completed":
                assert task["status"] in ("pending", "running"), task
            self.weights[epochs] = task["result_data"]["weights_sha256"]
        assert self.server
        self.server.kill()
        self.server = None

    def rest(self, longest_s: float = LONGEST_LIFE_S) -> None:
        """Let a random time go by: that is what is random here."""
        time.sleep(self.moments.uniform(0, longest_s))

    def round_of_server(self, number: int) -> None:
        """Five jobs at once, over as many lives as it takes them."""
        jobs = jobs_of(number, self.moments)
        while not all(job.ended for job in jobs):
            self.start()
            if self.moments.random() < EARLY and not self.calm:
                self.rest(LONGEST_LIFE_S / 3)
            else:
                self.wait_ready()
                self._live(jobs)
            self.kill()
        self._look_at(jobs)

    def _live(self, jobs: list[Job]) -> None:
        """Ask for what is not known yet, follow what is, and leave at a random moment."""
        port, wrong = self.port, list[BaseException]()

        def begin(job: Job) -> None:
            try:
                job.begun(call(port, job.tool, job.arguments))
                while not job.ended:
                    job.seen(read(port, f"task://status/{job.task_id}"))
            except NoAnswer:
                pass
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=begin, args=(job,)) for job in jobs if not job.ended]
        for thread in threads:
            thread.start()
        until = time.monotonic() + (DEADLINE_S if self.calm else self.moments.uniform(0, LONGEST_LIFE_S))
        while time.monotonic() < until and not all(job.ended for job in jobs):
            time.sleep(_LOOK_S)
        self.kill()
        for thread in threads:
            thread.join(DEADLINE_S)
        if wrong:
            raise wrong[0]

    def _look_at(self, jobs: list[Job]) -> None:
        """In a life that nobody disturbs: all outputs are exact, and there is one task a job."""
        self.start()
        self.wait_ready()
        self.tasks += len(jobs)
        for job in jobs:
            check(job, self.data, lambda uri: read(self.port, uri), self.weights)
        assert read(self.port, "task://list")["total"] == self.tasks
        assert [path.name for path in self.data.rglob(".*")] == []
        assert self.server
        self.server.kill()
        self.server = None

    def round_of_client(self, number: int, *, server_too: bool) -> None:
        """One job of the client's, with the same command until it says that it is done."""
        job = jobs_of(number, self.moments)[number % 5]
        url, state = f"http://127.0.0.1:{self.port}/mcp", self.folder / "client.json"
        words = ("--server", url, "--state", state, "--json", "--poll-s", "0.02", *job.words)
        if self.server is None:
            self.start()
            self.wait_ready()
        while True:
            client = self.nursery.start(CLIENT, *words, out=self.folder / "client.out")
            if not self.calm:
                self.rest(3 * LONGEST_LIFE_S)
                if server_too:
                    self.kill()
                    self.start()
                    self.rest()
            if self.calm or client.ended():
                code = client.wait()
                assert code == 0, (code, client.err.read_text())
                break
            if client.kill() != 0:
                self.kills += 1
            if client.said() is not None:  # it was at its end: once more would be another job
                break
        self.wait_ready()
        said = client.said()
        assert said is not None
        job.begun({"task_id": said["jobs"][0]["task_id"]})
        job.seen(read(self.port, f"task://status/{job.task_id}"))
        self.tasks += job.task_id not in self.known  # the same request of the same client is the same task for ever
        self.known.add(job.task_id)
        check(job, self.data, lambda uri: read(self.port, uri), self.weights)
        listed = read(self.port, "task://list")
        assert listed["total"] == self.tasks, f"round {number} ({job.words}): {listed['tasks'][:3]}"


@contextmanager
def looping(folder: Path, kills: int, seed: int) -> Iterator[Loop]:
    """A loop of so many kills in a folder; no process is left when it ends."""
    crash_oracle.fill(folder / "data")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nursery = Nursery()
    try:
        yield Loop(nursery, folder, random.Random(seed), port, kills)
    finally:
        nursery.close()


def run(folder: Path, victims: frozenset[str], kills: int, seed: int) -> int:
    """Kill these so often, at moments that come from the seed; how often it was. Raises AssertionError."""
    print(f"seed {seed}: {kills} kills of {' and '.join(sorted(victims))}", flush=True)
    with looping(folder, kills, seed) as loop:
        loop.learn_weights()
        for number in itertools.count():
            if loop.calm:
                return loop.kills
            if "client" in victims:
                loop.round_of_client(number, server_too="server" in victims)
            else:
                loop.round_of_server(number)
    raise AssertionError("it has no other end")


def main() -> None:
    """The loop from a terminal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--victims", nargs="+", choices=("server", "client"), default=["server"])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        killed = run(Path(folder), frozenset(given.victims), given.kills, given.seed)
    print(f"{killed} kills in {time.monotonic() - began:.1f} s: every output was exact")


if __name__ == "__main__":
    main()
