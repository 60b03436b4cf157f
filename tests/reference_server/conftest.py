"""A reference server as a process, warm or cold (see tests/warm.py), and a client of each protocol era."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mcp_crashtest.wire.messages import HANDSHAKE, STATELESS
from mcp_crashtest.wire.session import Session, ToolReply
from reference_server.database import Place
from tests import warm
from tests.lab import environment
from tests.reference_server import places

DEADLINE_S = 30.0
RECORDS = 60
BATCH = 10
TOKENS = {"ann": "ann-has-a-long-token-here", "ben": "ben-has-another-long-token"}


@dataclass(slots=True)
class Server:
    """One server with its folders; ``start`` and ``kill`` as often as needed. ``cold``: by a new interpreter.

    ``kind``: of its store, "sqlite" or "postgres"; as the session was told, unless it is given.

    What it says on standard error goes to ``log``, or where ours goes.
    """

    folder: Path
    process: subprocess.Popen[str] | warm.Warm | None = None
    ready: dict[str, Any] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    cold: bool = False
    kind: str = ""
    log: Path | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def effects(self) -> Path:
        return self.folder / "effects.jsonl"

    @property
    def store(self) -> Path:
        return self.folder / "tasks.db"

    @property
    def place(self) -> Path | Place:
        """The store, for whoever works on it in this process."""
        return places.place(self.folder, self.kind)

    def command(self, *more: str) -> list[str]:
        words = warm.module("reference_server", "--port", "0", "--data-root", str(self.data))
        return [
            *words,
            "--store",
            places.address(self.folder, self.kind),
            "--effects-file",
            str(self.effects),
            *self.extra,
            *more,
        ]

    def start(self, points: str = "") -> Server:
        output = self._spawn(points).stdout
        assert output
        self.ready = json.loads(output.readline())
        return self

    def start_parked(self, points: str) -> None:
        """Start, and wait until a task that goes on by itself stands still: perhaps before the server is ready."""
        self._spawn(points)
        self.wait_parked()

    def _spawn(self, points: str) -> subprocess.Popen[str] | warm.Warm:
        assert self.process is None or self.process.poll() is not None, "kill it first"
        variables = {**environment(), "CRASHTEST_POINTS": points}
        with ExitStack() as opened:
            log = opened.enter_context(self.log.open("ab")) if self.log else None
            if self.cold:
                self.process = subprocess.Popen(
                    self.command(), env=variables, stdout=subprocess.PIPE, stderr=log, text=True
                )
            else:
                self.process = warm.start(self.command(), env=variables, stdout=warm.PIPE, stderr=log)
        return self.process

    def wait_parked(self) -> None:
        """Wait until the process has stopped itself at a crash point."""
        assert self.process
        deadline = time.monotonic() + DEADLINE_S
        while Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert self.process.poll() is None, "the server ended before its crash point"
            assert time.monotonic() < deadline, "the server does not reach its crash point"
            time.sleep(0.005)

    async def park(self, tool: str, **arguments: Any) -> str:
        """Start a job, wait until the process stands still at a crash point, and give the task's id.

        The process may stand still before its answer is out: so the id is read from the store, and nobody waits.
        """
        calling = asyncio.create_task(self.call(tool, **arguments))
        await asyncio.to_thread(self.wait_parked)
        [(task_id,)] = self.ask("SELECT task_id FROM tasks ORDER BY created_at DESC LIMIT 1")
        calling.cancel()
        await asyncio.wait({calling})
        return str(task_id)

    def clear(self) -> None:
        """Have an empty store."""
        places.clear(self.folder, self.kind)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """What the store's tables say, past the server."""
        return places.ask(self.folder, statement, self.kind)

    def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.process
        self.process.send_signal(number)
        code = self.process.wait(timeout=DEADLINE_S)
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def refuses(self, *more: str, **changes: str) -> str:
        """What it says when it cannot start; asserts the documented exit code."""
        words, variables = self.command(*more), {**environment(), **changes}
        if self.cold:
            done = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        else:
            done = warm.run(words, env=variables, timeout=DEADLINE_S)
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        return done.stderr

    def readiness(self) -> tuple[int, str]:
        """What an orchestrator is told: the status of /readyz, and the reason if it is not ready."""
        said = httpx2.get(self.ready["url"].replace("/mcp", "/readyz"), timeout=DEADLINE_S)
        return said.status_code, said.json().get("reason", "")

    async def open(self, protocol: str = STATELESS) -> Session:
        return await Session.open(self.ready["url"], protocol=protocol, deadline_s=DEADLINE_S)

    async def status(self, task_id: str) -> dict[str, Any]:
        """What the task's resource says."""
        found: dict[str, Any] = await self.read(f"task://status/{task_id}")
        return found

    async def stopped(self, task_id: str) -> dict[str, Any]:
        """Poll until the task neither runs nor waits for its turn."""
        deadline = time.monotonic() + DEADLINE_S
        session = await self.open()
        try:
            while True:
                found: dict[str, Any] = json.loads(
                    await session.read_resource(f"task://status/{task_id}", deadline_s=DEADLINE_S)
                )
                if found["status"] not in ("pending", "running"):
                    return found
                assert time.monotonic() < deadline, found
                await asyncio.sleep(0.05)
        finally:
            await session.close()

    async def start_task(self, tool: str, **arguments: Any) -> str:
        """Start a job, and give its task's id."""
        reply = await self.call(tool, **arguments)
        assert not reply.is_error, reply.text
        assert reply.structured
        return str(reply.structured["task_id"])

    async def call(self, tool: str, protocol: str = STATELESS, **arguments: Any) -> ToolReply:
        session = await self.open(protocol)
        try:
            return await session.call_tool(tool, arguments, deadline_s=DEADLINE_S)
        finally:
            await session.close()

    async def read(self, uri: str) -> Any:
        session = await self.open()
        try:
            return json.loads(await session.read_resource(uri, deadline_s=DEADLINE_S))
        finally:
            await session.close()

    def executions(self) -> list[str]:
        """The records in the effects file, in order, as often as they were executed."""
        return [record for _, record in self.attempts()]

    def attempts(self) -> list[tuple[str, str]]:
        """The same, with each record's task."""
        lines = self.effects.read_text().splitlines() if self.effects.exists() else []
        return [(line["task"], line["record"]) for line in map(json.loads, lines)]


def fill(folder: Path) -> None:
    """The input of all jobs here."""
    (folder / "data").mkdir(parents=True)
    lines = [
        json.dumps({"id": f"r{n}", "text": f"Größe {n}\u2028ﬁn"}, ensure_ascii=False) + "\n" for n in range(RECORDS)
    ]
    (folder / "data" / "orders.jsonl").write_text("".join(lines), encoding="utf-8")
    rows = ["id,text\n", *(f'r{n},"line one {n}\nline, two"\n' for n in range(RECORDS))]
    (folder / "data" / "table.csv").write_text("".join(rows), encoding="utf-8")


@pytest.fixture(scope="session", autouse=True)
def no_database_is_left() -> Iterator[None]:
    """Whoever has asked for PostgreSQL has it until the end."""
    yield
    places.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Server]:
    """A server that is not running yet."""
    fill(tmp_path)
    server = Server(tmp_path)
    yield server
    if server.process:
        server.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server that the tests of one file share."""
    folder = tmp_path_factory.mktemp("shared")
    fill(folder)
    server = Server(folder).start()
    yield server
    server.kill()


@pytest.fixture(params=[STATELESS, HANDSHAKE])
def protocol(request: pytest.FixtureRequest) -> str:
    """Each protocol era."""
    return str(request.param)


def token_file(folder: Path) -> Path:
    """Two users, who share the input of all jobs if there is one."""
    if (folder / "data").is_dir() and not (folder / "data" / "shared").exists():
        (folder / "data" / "shared").symlink_to(".")
    path = folder / "tokens"
    path.write_text("# who, and the token\n" + "".join(f"{who} {token}\n" for who, token in TOKENS.items()))
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    fill(folder)
    server = Server(folder, extra=("--tokens", str(token_file(folder)))).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def url() -> str:
    """A database that the tests here share, in which each has tasks of its own."""
    return places.new_url()


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., Any]]:
    """Places at this database, as different processes have them; closed at the end."""
    with ExitStack() as closed:

        def another(where: str = url) -> Any:
            from reference_server.postgres.place import Postgres

            place = Postgres(where)
            place.prepare()
            closed.callback(place.close)
            return place

        yield another
