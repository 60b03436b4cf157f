"""Real servers and real clients as processes, warm or cold (see tests/warm.py); nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests import warm
from tests.warm import ROOT

DEADLINE_S = 30.0
RECORDS = 400
LONG_RECORDS = 20_000
T = TypeVar("T")
Child = subprocess.Popen[str] | warm.Warm


def environment(**more: str) -> dict[str, str]:
    """Ours, without anything that would change what a client or server does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MCP_", "CRASHTEST", "FASTMCP"))}
    quiet = {"FASTMCP_LOG_ENABLED": "false", "FASTMCP_ENV_FILE": os.devnull, "NO_COLOR": "1"}
    return {**kept, **quiet, "COLUMNS": "160", **more}


def wait_until(found: Callable[[], T | None], what: str) -> T:
    """What ``found`` returns, once it is something; fails with the story when it never is."""
    end_s = time.monotonic() + DEADLINE_S
    while not (value := found()):
        assert time.monotonic() < end_s, f"waited {DEADLINE_S:g} s in vain: {what}"
        time.sleep(0.005)
    return value


def end(process: Child) -> int:
    """Kill it and reap it."""
    process.kill()
    code = process.wait(DEADLINE_S)
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
    return code


def begin(words: list[str], out: Path, err: Path, *, cold: bool = False, **variables: str) -> Life:
    """Start a program of ours whose output goes to files."""
    with out.open("w", encoding="utf-8") as stdout, err.open("w", encoding="utf-8") as stderr:
        if not cold:
            words = warm.brief(words)
            return Life(warm.start(words, env=environment(**variables), stdout=stdout, stderr=stderr), out, err)
        process = subprocess.Popen(
            words,
            env=environment(**variables),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )
        return Life(process, out, err)


@dataclass(frozen=True, slots=True)
class Said:
    """What a client has said, and its exit code."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(slots=True)
class Life:
    """One life of a client, from its start to its exit."""

    process: Child
    out: Path
    err: Path
    exit: int | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: int) -> None:
        assert self.exit is None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, proven."""
        if self.exit is None:
            self.signal(signal.SIGKILL)
            assert self._wait() in (-signal.SIGKILL, 0, self.exit)

    def said(self) -> Said:
        """What it has said when it has ended by itself."""
        code = self._wait()
        if code is None:
            self.kill()
        assert code is not None, f"the client does not end: {self.out.read_text()} {self.err.read_text()}"
        return Said(code, self.out.read_text(encoding="utf-8"), self.err.read_text(encoding="utf-8"))

    def _wait(self) -> int | None:
        if self.exit is None:
            with suppress(subprocess.TimeoutExpired):
                self.exit = self.process.wait(DEADLINE_S)
        return self.exit


@dataclass(slots=True)
class Server:
    """A server that comes and goes on one port. ``other``: somebody else's, not the reference."""

    folder: Path
    other: bool = False
    token: str | None = None
    port: int = 0
    url: str = ""
    process: Child | None = None
    life: Life | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def errors(self) -> Path:
        return self.folder / "server.err"

    def start(self, points: str = "") -> Server:
        ready = self._start_other() if self.other else self._start_reference(points)
        self.port, self.url = ready["port"], ready["url"]
        return self

    def _start_reference(self, points: str) -> Any:
        words = warm.module("reference_server", "--data-root", str(self.data), "--port", str(self.port))
        words += ["--store", str(self.folder / "tasks.db")]
        with self.errors.open("a", encoding="utf-8") as errors:
            variables = environment(CRASHTEST_POINTS=points)
            self.process = warm.start(words, env=variables, stdout=warm.PIPE, stderr=errors)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"the server does not start: {self.errors.read_text(encoding='utf-8')}"
        return json.loads(line)

    def _start_other(self) -> Any:
        words = warm.module(
            "tests.reference_client.other_server", "--folder", str(self.folder), "--port", str(self.port)
        )
        words += ["--token", self.token] if self.token else []
        self.life = begin(words, self.folder / "server.out", self.errors)
        line = wait_until(lambda: self.folder.joinpath("server.out").read_text(), "somebody else's server is ready")
        return json.loads(line)

    def kill(self) -> None:
        if self.process:
            end(self.process)
        if self.life:
            self.life.kill()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    def wait_parked(self) -> None:
        """Wait until it has stopped itself at a crash point."""
        process = self.process
        assert process
        stat = Path(f"/proc/{process.pid}/stat")
        wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "the server reaches its crash point")


@dataclass(slots=True)
class Program:
    """The client as a program, with one state file. ``cold``: by a new interpreter."""

    server: Server
    state_file: Path
    cold: bool = False
    lives: list[Life] = field(default_factory=list)

    def command(self, *words: str) -> list[str]:
        known = ("--server", self.server.url, "--state", str(self.state_file), "--poll-s", "0.05")
        return warm.module("reference_client", *known, *words)

    def begin(self, *words: str, **variables: str) -> Life:
        said = self.state_file.with_suffix(f".{len(self.lives)}")
        out, err = said.with_suffix(f"{said.suffix}.out"), said.with_suffix(f"{said.suffix}.err")
        self.lives.append(begin(self.command(*words), out, err, cold=self.cold, **variables))
        return self.lives[-1]

    def run(self, *words: str, **variables: str) -> Said:
        return self.begin(*words, **variables).said()

    def json(self, *words: str, exit: int = 0) -> Any:
        said = self.run("--json", *words)
        assert said.exit == exit, said
        return said.json

    @property
    def state(self) -> dict[str, Any]:
        """The state file as anybody can read it; it must be whole at any moment."""
        try:
            text = self.state_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {"active": [], "completed": []}
        state: dict[str, Any] = json.loads(text)
        assert state["kind"] == "mcp-crashtest client state"
        return state

    @property
    def jobs(self) -> list[dict[str, Any]]:
        return [*self.state["active"], *self.state["completed"]]

    def wait_job(self, fits: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait until the state has a job that fits."""
        return wait_until(lambda: next(filter(fits, self.jobs), None), what)

    def wait_phase(self, *phases: str) -> dict[str, Any]:
        """Wait until the state has a job in one of these phases."""
        return self.wait_job(lambda job: job["phase"] in phases, f"a job is {' or '.join(phases)}")

    def set_aside(self) -> list[Path]:
        return sorted(self.state_file.parent.glob(f"{self.state_file.name}.set-aside-*"))

    def close(self) -> None:
        for life in self.lives:
            life.kill()


def fill(folder: Path) -> None:
    (folder / "data").mkdir()
    lines = [json.dumps({"id": f"r{number}", "text": "ä\u2028"}) + "\n" for number in range(RECORDS)]
    (folder / "data" / "in.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "data" / "long.jsonl").write_text('{"id": 1}\n' * LONG_RECORDS, encoding="utf-8")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A reference server that is not running yet."""
    fill(tmp_path)
    server = Server(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Server]:
    """Somebody else's server, running."""
    server = Server(tmp_path, other=True).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running reference server that the tests of one file share."""
    folder = tmp_path_factory.mktemp("shared")
    fill(folder)
    server = Server(folder).start()
    yield server
    server.kill()


@pytest.fixture
def program_for(tmp_path: Path) -> Iterator[Callable[[Server], Program]]:
    """Clients as programs, each with a state file of its own."""
    made: list[Program] = []

    def make(server: Server) -> Program:
        made.append(Program(server, tmp_path / f"state-{len(made)}.json"))
        return made[-1]

    yield make
    for program in made:
        program.close()
