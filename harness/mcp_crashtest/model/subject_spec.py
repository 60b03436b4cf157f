"""How a subject is started and reached, and what a planned restart and a kill of it are to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mcp_crashtest.model.coordinates import Phase


class Stop(StrEnum):
    """Whom a planned restart sends SIGTERM: the process that the command starts, or its whole group."""

    LEADER = "leader"
    GROUP = "group"


class Kill(StrEnum):
    """Whom a kill is to reach: the process group, or everybody who belongs to the server, in whatever session."""

    GROUP = "group"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class SubjectSpec:
    """How to start and reach the subject.

    ``command`` may hold ``{port}``, ``{listen_fd}``, ``{state_dir}``, ``{ledger}``, ``{python}`` and ``{here}`` (the
    profile's folder). A command with ``{listen_fd}`` inherits a listening socket that the lab keeps over restarts. One
    without a ``url`` speaks over its standard streams.
    ``crash_points`` are the phases at which the subject parks itself when CRASHTEST_POINTS says so. ``stop`` is for
    launchers that do not pass SIGTERM on, ``kill`` for workers that are meant to outlive the server's own process.
    ``headers`` go with every request; they and ``environment`` may refer to secrets (``model.secrets``). ``hidden`` is
    what the entry of an MCP configuration says, which is nobody's to see, and no part of what is said here.
    """

    command: str | None = None
    url: str | None = None
    protocols: tuple[str, ...] = ()
    crash_points: tuple[Phase, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ()
    cold: bool = False
    ready_deadline_s: float = 30.0
    stop: Stop = Stop.LEADER
    kill: Kill = Kill.GROUP
    headers: Mapping[str, str] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def piped(self) -> bool:
        """Whether it speaks stdio: the lab starts it, and has its standard input and output."""
        return self.command is not None and not self.url

    @property
    def inherits_socket(self) -> bool:
        """Whether it is given a listening socket that the lab keeps over restarts."""
        return self.command is not None and "{listen_fd}" in self.command
