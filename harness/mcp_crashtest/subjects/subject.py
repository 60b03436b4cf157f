"""A subject at one site: the folder, the port and the ledger that it keeps over all its boots, and how to boot it.

A profile says how a subject is started; this file fills in the placeholders, writes the workload's input, holds the
listening socket where the command takes one, and chooses between the fork server and a cold spawn. What may be
killed is a ``Process``; faults are another room's work.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.plan import Coordinate
from mcp_crashtest.model.profile import Profile, Workload, fill
from mcp_crashtest.subjects.process import Launch, Process
from mcp_crashtest.subjects.sockets import find_free_port, listen_socket
from mcp_crashtest.subjects.spawner import Spawner, warm_target

POINTS_VARIABLE = "CRASHTEST_POINTS"
_PRELOAD = ("fastmcp", "uvicorn")
_LISTEN_FD = 3
_SHOWN_LINES = 12
_OURS = ("CRASHTEST_", "PYTEST_")


@dataclass(slots=True)
class Subject:
    """One subject at one site. ``close`` gives the port back; the folder stays. ``started`` names its boots."""

    profile: Profile
    spawner: Spawner
    folder: Path
    run_id: str
    cold: bool = False
    port: int = 0
    held: socket.socket | None = None
    boots: int = 0
    started: list[str] = field(default_factory=list)

    def open(self) -> None:
        """Make the site: folders, port, input."""
        spec = self.profile.subject
        self.state_dir.mkdir(parents=True, exist_ok=True)
        if spec.command and "{listen_fd}" in spec.command:
            self.held = listen_socket()
            self.port = self.held.getsockname()[1]
        elif spec.command:
            self.port = find_free_port()
        if self.profile.workload.input_file:
            write_input(Path(self.fill(self.profile.workload.input_file)), self.profile.workload)

    def close(self) -> None:
        """Give the listening socket back."""
        if self.held:
            self.held.close()
            self.held = None

    def forget_state(self) -> None:
        """Remove what the subject has stored: it is of no interest once the run has passed."""
        shutil.rmtree(self.state_dir, ignore_errors=True)

    @property
    def state_dir(self) -> Path:
        """The folder in which the subject keeps its state over all boots."""
        return self.folder / "state"

    @property
    def ledger(self) -> Path:
        """The effects file, outside the state."""
        return self.folder / "ledger.jsonl"

    @property
    def url(self) -> str:
        """Where the subject is reached."""
        return str(self.fill(self.profile.subject.url))

    @property
    def values(self) -> dict[str, Any]:
        """What stands for the placeholders of the profile at this site."""
        workload = self.profile.workload
        return {
            "python": sys.executable,
            "here": self.profile.folder,
            "port": self.port,
            "listen_fd": _LISTEN_FD,
            "state_dir": str(self.state_dir),
            "ledger": str(self.ledger),
            "total_records": workload.records,
            "batch_size": workload.batch,
            "client_id": f"client-{self.run_id}",
            "run_id": self.run_id,
        }

    def fill(self, template: Any) -> Any:
        """Fill a template of the profile with this site's values."""
        return fill(template, self.values)

    def log(self, boot: int) -> Path:
        """Where a boot's standard output and error go."""
        return self.folder / f"boot-{boot}.log"

    def log_tail(self) -> str:
        """The last lines that the latest boot has written, for an error message."""
        return last_lines(self.log(self.boots))

    async def boot(self, points: Sequence[Coordinate] = ()) -> Process:
        """Start the subject once more, with these crash points armed; raises SubjectError where it cannot be."""
        spec = self.profile.subject
        if spec.command is None:
            raise UsageError("a subject that is reached by URL alone cannot be started by the lab: give a command")
        argv = words_of(spec.command, self.values)
        environment = environment_of(spec.environment, self.values)
        if points:
            environment[POINTS_VARIABLE] = ",".join(f"{at.phase}@{at.batch}" for at in points)
        target = None if self.cold or spec.cold else warm_target(argv, sys.executable)
        self.boots += 1
        with self.log(self.boots).open("wb") as log:
            launch = Launch(
                argv=absolute(argv, environment) if target is None else (sys.executable, *argv[1:]),
                cwd=self.profile.folder,
                env=environment,
                stdout=log.fileno(),
                stderr=log.fileno(),
                inherit=(self.held.fileno(),) if self.held else (),
                preload=(spec.preload or _PRELOAD) if target is not None else None,
                warm_up=target is not None,
            )
            process = await self.spawner.spawn(launch)
        self.started.append(process.boot)
        return process


def last_lines(path: Path) -> str:
    """The last lines of a log, for an error message."""
    if not path.exists():
        return "(no output)"
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "\n".join(lines[-_SHOWN_LINES:]) or "(no output)"


def environment_of(given: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    """A subject's environment: the lab's own without what is the lab's alone, and what the profile adds."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
    if "VIRTUAL_ENV" not in environment:  # `python` in a command is the interpreter that the lab runs under
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment["PYTHONUNBUFFERED"] = "1"
    environment.update({k: str(fill(v, values)) for k, v in given.items()})
    return environment


def words_of(command: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """A command's words. Split first and fill then: a path with a blank in it stays one word."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"the command {command!r} cannot be split into words: {error}") from error
    if not words:
        raise UsageError("the command is empty")
    return tuple(str(fill(word, values)) for word in words)


def absolute(argv: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The command with its program as a path; raises SubjectError where there is none."""
    found = shutil.which(argv[0], path=environment.get("PATH"))
    if found is None:
        raise SubjectError(f"there is no program {argv[0]!r} to start: is it installed, and on the PATH?")
    return (found, *argv[1:])


def write_input(path: Path, workload: Workload) -> None:
    """Write the workload's records as JSONL: an id, a position and some text that follows from both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for number in range(workload.records):
            text = hashlib.sha256(str(number).encode()).hexdigest()[: 16 + number % 48]
            record = {"id": f"record-{number:06d}", "position": number, "text": text}
            file.write(json.dumps(record) + "\n")
