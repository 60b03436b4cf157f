"""Starting processes the way the tests need it: in a folder, with their output in two files."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_crashtest.subjects.process import Exit, Launch, Process
from mcp_crashtest.subjects.spawner import Spawner

DEADLINE_S = 20.0
LIGHT = ("json",)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended, and what it wrote."""

    exit: Exit
    out: str
    err: str


@dataclass(slots=True)
class Launching:
    """Starts processes in one folder."""

    spawner: Spawner
    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"]})

    @property
    def out(self) -> Path:
        return self.folder / "out.txt"

    @property
    def err(self) -> Path:
        return self.folder / "err.txt"

    def script(self, text: str, name: str = "subject.py") -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return str(path)

    async def start(self, *argv: str, **given: Any) -> Process:
        """Start a command, with both of its outputs in new files."""
        with self.out.open("wb") as out, self.err.open("wb") as err:
            launch = Launch(
                argv=argv,
                cwd=str(given.pop("cwd", self.folder)),
                env={**self.environment, **given.pop("env", {})},
                stdout=out.fileno(),
                stderr=err.fileno(),
                **given,
            )
            return await self.spawner.spawn(launch)

    async def python(self, *arguments: str, warm: bool = False, **given: Any) -> Process:
        """Start this interpreter or another one, cold or through a light fork server."""
        preload = given.pop("preload", LIGHT) if warm else None
        return await self.start(given.pop("python", sys.executable), *arguments, preload=preload, **given)

    async def ended(self, process: Process) -> Ended:
        """Wait for the end."""
        exit_ = await process.wait_exit(DEADLINE_S)
        return Ended(exit_, self.out.read_text(), self.err.read_text())

    async def written(self, lines: int = 1) -> list[str]:
        """Wait until so many lines were written to standard output."""
        await until(lambda: self.out.read_text().count("\n") >= lines, f"{lines} lines are written")
        return self.out.read_text().splitlines()


def made(environment: Path) -> str:
    """Make a virtual environment without packages; its interpreter."""
    venv.create(environment, symlinks=True)
    return str(environment / "bin" / "python")


def packages_of(python: str) -> Path:
    """Where such an environment keeps its packages."""
    return next(Path(python).parents[1].glob("lib/python3*/site-packages"))


async def until(true: Callable[[], object], description: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait for a predicate."""
    deadline = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < deadline, f"{description}: not within {deadline_s} s"
        await asyncio.sleep(0.005)
