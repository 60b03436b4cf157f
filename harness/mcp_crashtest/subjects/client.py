"""A client under test at its site: the folder that it keeps over all its lives, and how to start it once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mcp_crashtest.model.paths import fill
from mcp_crashtest.model.profile import ClientSpec
from mcp_crashtest.subjects.commands import absolute, environment_of, last_lines, words_of
from mcp_crashtest.subjects.fork_servers import warm_program
from mcp_crashtest.subjects.process import Launch, Process, Site
from mcp_crashtest.subjects.sockets import LOOPBACK, find_free_port
from mcp_crashtest.subjects.subject import Subject

FOLDER = "client"
"""What a client keeps lies in this folder of its server's state."""


@dataclass(slots=True)
class ClientSubject:
    """One client; ``server`` is the site of its server, which it reaches at ``port``. ``started`` names its lives."""

    spec: ClientSpec
    server: Subject
    port: int = 0
    lives: int = 0
    started: list[str] = field(default_factory=list)

    def open(self) -> None:
        """Choose the port, and make its folder. It lies within the server's state, and is forgotten with it."""
        self.port = find_free_port()
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """The server's URL, at this client's own port."""
        parts = urlsplit(self.server.url)
        return urlunsplit(parts._replace(netloc=f"{LOOPBACK}:{self.port}"))

    @property
    def folder(self) -> Path:
        """What the client keeps over its lives."""
        return self.server.folder.state_dir / FOLDER

    @property
    def state_file(self) -> Path | None:
        """The client's state file, where the profile names one."""
        return None if self.spec.state is None else Path(fill(self.spec.state, self._values))

    @property
    def name(self) -> str:
        """The latest life's name: client-0, client-1, ..."""
        return f"client-{max(self.lives - 1, 0)}"

    @property
    def output(self) -> Path:
        """Where the standard output of the latest life goes."""
        return self.server.folder.client_output(self.name)

    def log_tail(self) -> str:
        """The last lines that the latest life has written to standard error."""
        return last_lines(self.server.folder.client_log(self.name))

    @property
    def _values(self) -> Mapping[str, Any]:
        mine = {"url": self.url, "client_dir": str(self.folder), "job": f"job-{self.server.run_id}"}
        return {**self.server.values, **mine}

    async def start(self) -> Process:
        """Begin another life: the same command with the same folder; raises SubjectError where it cannot be."""
        argv = words_of(self.spec.command, self._values, {})
        environment = environment_of(self.spec.environment, self._values, self.server.profile.subject.hidden)
        forks = self.spec.preload and self.server.warm_lives != 0
        warm = warm_program(argv, environment.get("PATH")) if forks else None
        self.lives += 1
        log_file = self.server.folder.client_log(self.name)
        with self.output.open("wb") as out, log_file.open("ab") as log:
            launch = Launch(
                argv=(warm, *argv[1:]) if warm else absolute(argv, environment),
                cwd=self.server.profile.folder,
                env=environment,
                stdout=out.fileno(),
                stderr=log.fileno(),
                preload=self.spec.preload if warm else None,
                site=Site(folder=str(self.folder)),
            )
            process = await self.server.spawner.spawn(launch)
        self.started.append(process.boot)
        return process
