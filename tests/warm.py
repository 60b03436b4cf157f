"""Programs of ours as processes of their own, forked by the lab's fork server: a start costs milliseconds.

``start`` is what ``subprocess.Popen`` is, as far as tests need it, and ``run`` what ``subprocess.run`` is, for
``python -m module ...`` and for scripts. The process is a real one, with a session of its own: it is killed by its
pid, it opens its own sockets and files, and dies with the tests. All that it does not do is to start an interpreter
and to import FastMCP. There is one fork server in each test process, from the first start to the end of the session.

Some tests stay cold on purpose: a few of each program, and whatever is about a new interpreter. Of the server: stdio,
every option as a variable, what it logs, two refusals, a clean stop with the life after it. Of the client: ``--help``,
a kill, a command typed into a terminal, Ctrl-C there. And engines, models and writers that must not depend on the
process, with their PYTHON variables and seeds.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, TypeVar

from mcp_crashtest.subjects.process import Exit, Launch, Process
from mcp_crashtest.subjects.spawner import Spawner

ROOT = Path(__file__).resolve().parents[1]
PRELOAD = (
    *("fastmcp", "uvicorn", "reference_server.__main__", "reference_server.training"),
    *("reference_client.cli", "anyio._backends._asyncio", "httpcore2", "truststore", "h11", "jsonschema"),
    *("rich.progress", "tests.life", "tests.reference_client.other_server"),
)
LAB = (
    *("mcp_crashtest.cli", "mcp_crashtest.commands.certify", "mcp_crashtest.commands.replay", "mcp_crashtest.plugin"),
    *("mcp_crashtest.laboratory.laboratory", "mcp_crashtest.laboratory.estimate", "mcp_crashtest.laboratory.trial"),
    *("mcp_crashtest.sessions.gate", "mcp_crashtest.sessions.collector", "mcp_crashtest.reporting.console"),
    *("mcp_crashtest.planning.randomized", "mcp_crashtest.planning.search", "hypothesis.core", "uuid"),
)
PIPE = subprocess.PIPE
# NumPy has no threads then: who has some cannot fork.
_FORKS = {"OPENBLAS_NUM_THREADS": "1"}
_ANSWER_S = 900.0
T = TypeVar("T")


class _Nest:
    """A spawner, and the thread whose event loop it lives on."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="warm", daemon=True)
        self._thread.start()
        self.spawner = self.do(Spawner().__aenter__())

    def do(self, wanted: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(wanted, self._loop).result(_ANSWER_S)

    def close(self) -> None:
        self.do(self.spawner.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


_nests: list[_Nest] = []


def nest() -> _Nest:
    """This process's own, made when it is asked for the first time."""
    if not _nests:
        _nests.append(_Nest())
    return _nests[0]


def close() -> None:
    """Leave nobody behind."""
    while _nests:
        _nests.pop().close()


class Warm:
    """A process that was started warm, with the words of ``subprocess.Popen[str]``. ``stdin`` is empty."""

    stdin: IO[str] | None = None

    def __init__(self, nest: _Nest, process: Process, stdout: IO[str] | None, stderr: IO[str] | None) -> None:
        self._nest, self._process = nest, process
        self.pid = process.pid
        self.stdout, self.stderr = stdout, stderr

    @property
    def returncode(self) -> int | None:
        return _code(self._process.exited)

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for the signal that ended it; raises subprocess.TimeoutExpired."""
        timeout = _ANSWER_S / 2 if timeout is None else timeout
        try:
            code = _code(self._nest.do(self._process.wait_exit(timeout)))
        except TimeoutError:
            raise subprocess.TimeoutExpired(str(self.pid), timeout) from None
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Signal it, and nobody else: the fork server may have reaped it, and its number be another's."""

        async def send() -> None:
            self._process.signal(number)

        self._nest.do(send())

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    cwd: Path = ROOT,
    preload: tuple[str, ...] = PRELOAD,
) -> Warm:
    """Start ``python -m module ...``, or a script, in a folder. Output goes to a PIPE, a file, or where ours goes."""
    with ExitStack() as passed, ExitStack() as kept:
        out, reads_out = _place(stdout, 1, passed, kept)
        err, reads_err = _place(stderr, 2, passed, kept)
        launch = Launch(tuple(words), str(cwd), {**env, **_FORKS}, out, err, preload=preload, warm_up=False)
        process = nest().do(nest().spawner.spawn(launch))
        assert process.warm, "there is a fork server"
        kept.pop_all()
    return Warm(nest(), process, reads_out, reads_err)


def run(
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout: float,
    cwd: Path = ROOT,
    preload: tuple[str, ...] = PRELOAD,
) -> subprocess.CompletedProcess[str]:
    """Run such a command to its end; raises subprocess.TimeoutExpired when it goes on."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = start(words, env=env, stdout=out, stderr=err, cwd=cwd, preload=preload)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        for said in (out, err):
            said.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), err.read())


def module(name: str, *words: str) -> list[str]:
    """The command that runs a module."""
    return [sys.executable, "-m", name, *words]


def brief(command: Sequence[str], terminal: str = "-") -> list[str]:
    """The same command, for a short life that is started warm; see life.py."""
    return module("tests.life", terminal, *command[2:])


def _place(wanted: int | IO[Any] | None, ours: int, passed: ExitStack, kept: ExitStack) -> tuple[int, IO[str] | None]:
    """The descriptor for the process, and what we read of it."""
    if wanted == PIPE:
        reads, writes = os.pipe()
        passed.callback(os.close, writes)
        return writes, kept.enter_context(open(reads, encoding="utf-8"))  # noqa: PTH123
    if isinstance(wanted, int):
        return wanted, None
    return ours if wanted is None else wanted.fileno(), None


def _code(ended: Exit | None) -> int | None:
    if ended is None:
        return None
    return ended.code if ended.signal is None else -ended.signal
