"""One job of one peer: let alone, or killed half-way and started again, with a state and a service of its own.

A peer is a program of ``benchmarks/programs``. What it did when is read in the ledger that all of them write alike.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.service_spec import ServiceKind, ServiceSpec
from mcp_crashtest.subjects.services import Services
from mcp_crashtest.subjects.spawner import Spawner
from recipes.environment import NotInstalled, lab
from recipes.recipe import HERE, read, why_not

PROGRAMS = Path(__file__).resolve().parent / "programs"
LONGEST_S, PATIENCE_S = 120.0, 30.0
_LOOK_S = 0.002
_OURS = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
_RECORD_BYTES = 135  # of one as it is made: its JSON


@dataclass(frozen=True, slots=True)
class Peer:
    """Who has the job done: a program, the recipe whose environment it has, the service that it keeps things in."""

    name: str
    program: str
    recipe: str | None = None
    service: ServiceKind | None = None
    options: tuple[str, ...] = ()
    note: str = ""

    def python(self) -> str:
        """The interpreter of its environment, which is made where it is not there; raises NotInstalled."""
        if self.recipe is None:
            return sys.executable
        recipe = read(HERE / self.recipe)
        if (reason := why_not(recipe)) is not None:
            raise NotInstalled(reason)
        lab(recipe, _do)
        return str(recipe.folder / ".env" / "bin" / "python")


@dataclass(frozen=True, slots=True)
class Size:
    """So many tasks of so many batches of so many records."""

    tasks: int
    batches: int
    records: int = 10

    @property
    def all_batches(self) -> int:
        """Of all tasks."""
        return self.tasks * self.batches

    def words(self) -> list[str]:
        """As a program takes them."""
        return ["--tasks", str(self.tasks), "--batches", str(self.batches), "--records", str(self.records)]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A job that was let alone."""

    per_s: float
    written_per_byte: float


@dataclass(frozen=True, slots=True)
class Killed:
    """A job whose program was killed half-way: until something new was done, what was done again, what never was."""

    batches: int
    recovery_s: float | None
    again: int
    missing: int


@dataclass(frozen=True, slots=True)
class Site:
    """Where one job of one peer runs."""

    words: Sequence[str]
    ledger: Path
    log: Path

    @contextmanager
    def life(self) -> Iterator[subprocess.Popen[str]]:
        """A life, which is over behind the block; what it prints comes to us."""
        with (
            self.log.open("ab") as log,
            subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=log, env=environment(), text=True) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def lines(self) -> list[tuple[tuple[str, str], float]]:
        """Which batch was executed when, on the monotonic clock; half a line is none."""
        if not self.ledger.exists():
            return []
        whole = self.ledger.read_text().rpartition("\n")[0]
        return [((task, batch), float(at)) for task, batch, at in (line.split() for line in whole.splitlines())]


def _do(words: Sequence[str], folder: Path) -> int:
    """As the recipes install, with nothing on our standard output."""
    return subprocess.run(words, cwd=folder, stdout=sys.stderr, env=environment(), check=False).returncode


def environment() -> dict[str, str]:
    """Ours, without what says which Python environment we are in, and that nothing compiled is kept."""
    return {name: value for name, value in os.environ.items() if name not in _OURS}


@asynccontextmanager
async def site(peer: Peer, python: str, size: Size) -> AsyncIterator[Site]:
    """A folder and a service for one job; nothing of them is left behind. Raises CrashtestError."""
    with tempfile.TemporaryDirectory(prefix="peers-") as place:
        folder = Path(place)
        (folder / "state").mkdir()
        specs = (ServiceSpec("service", peer.service, options=peer.options),) if peer.service else ()
        async with Spawner() as spawner:
            services = Services.of(specs, spawner, RunFolder(folder), place)
            try:
                await services.begin({})
                url = [word for told in services.told.values() for word in ("--url", str(told["url"]))]
                given = ["--state", str(folder / "state"), "--ledger", str(folder / "ledger"), *url, *size.words()]
                yield Site([python, str(PROGRAMS / peer.program), *given], folder / "ledger", folder / "log")
            finally:
                await services.end()


async def undisturbed(peer: Peer, python: str, size: Size) -> Undisturbed:
    """Have a job done; raises RuntimeError where it is not."""
    async with site(peer, python, size) as at:
        before = _written_by_services()
        with at.life() as process:
            try:
                told, _ = await asyncio.to_thread(process.communicate, timeout=LONGEST_S)
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"{size.all_batches} batches are not done within {LONGEST_S:.0f} s") from None
        lines = at.lines()
        if process.returncode or len(lines) != size.all_batches:
            raise RuntimeError(f"exit code {process.returncode}, {len(lines)} batches: {_last(at.log)}")
        written = json.loads(told)["write_bytes"] + _written_by_services() - before
        times = [at for _, at in lines]
        elapsed_s = max(times) - min(times)
        return Undisturbed((len(lines) - 1) / elapsed_s, written / (size.all_batches * size.records * _RECORD_BYTES))


def _written_by_services() -> int:
    """Bytes, by everybody below us, and by whom they have outlived; what a program writes it says itself."""
    written = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            written += process.io_counters().write_bytes
    return written


def _last(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line[:300] for line in reversed(lines) if line.strip()), "it said nothing")


async def killed(peer: Peer, python: str, size: Size) -> Killed:
    """Kill the program half-way, start it again, and wait for its end, or as long as is reasonable."""
    async with site(peer, python, size) as at:
        with at.life() as first:
            await _until(lambda: len(at.lines()) >= size.all_batches // 2 or first.poll() is not None)
            died_at = time.monotonic()
        if first.returncode != -signal.SIGKILL:
            raise RuntimeError(f"it ended with exit code {first.returncode} before it was killed: {_last(at.log)}")
        before = len(at.lines())
        with at.life() as second, suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(second.wait, PATIENCE_S)
        return lost(at.lines(), before, died_at, size)


async def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(f"it has not done half of its job within {LONGEST_S:.0f} s")
        await asyncio.sleep(_LOOK_S)


def lost(lines: Sequence[tuple[tuple[str, str], float]], before: int, died_at: float, size: Size) -> Killed:
    """What the ledger says of a kill, after which ``before`` lines stood in it."""
    known = {batch for batch, _ in lines[:before]}
    new = next((at for batch, at in lines[before:] if batch not in known), None)
    distinct = len({batch for batch, _ in lines})
    recovery_s = None if new is None else new - died_at
    return Killed(size.all_batches, recovery_s, len(lines) - distinct, size.all_batches - distinct)
