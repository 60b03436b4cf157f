"""How a subject is started and reached, and what a planned restart and a kill of it are to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from mcp_crashtest.model.coordinates import Phase

UNSAID = frozenset({"lent", "hidden"})
"""What no profile can say."""
HOOK_DEADLINE_S = 30.0
"""How long a command that stops, starts, kills or asks a server may take."""
_OF_EACH_RUN = ("{port}", "{services.")  # ports in a url that each run has for itself
HOOKS = ("start_command", "stop_command", "kill_command", "alive_command")


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
    ``headers`` go with every request; they and ``environment`` may refer to secrets (``model.secrets``). The command
    runs in ``cwd``, by default the profile's folder. ``mcp_config`` is a file of somebody's MCP configuration with an
    entry for the ``server``: what that entry says is ``lent``, its secrets are ``hidden``, and neither is written down.
    ``home`` says whether each run has a HOME of its own; None: where nothing is told of ``{state_dir}``. ``reset`` is a
    command that is run before each run, for what is kept elsewhere.

    At a ``url`` without a command the four commands of ``HOOKS`` start, stop and kill the server, and end with exit
    code 0 while it is alive; each has ``hook_deadline_s`` seconds (None: ``HOOK_DEADLINE_S``).
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
    cwd: str | None = None
    mcp_config: str | None = None
    server: str | None = None
    home: bool | None = None
    reset: str | None = None
    start_command: str | None = None
    stop_command: str | None = None
    kill_command: str | None = None
    alive_command: str | None = None
    hook_deadline_s: float | None = None

    lent: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    hidden: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Encode what is said here itself."""
        said = {name: value for name, value in asdict(self).items() if name not in UNSAID and value is not None}
        if self.lent:
            del said["cold"]
        for name, value in self.lent.items():
            if isinstance(value, Mapping):
                said[name] = {key: inner for key, inner in said[name].items() if value.get(key) != inner}
            elif said.get(name) == value:
                del said[name]
        return {name: value for name, value in said.items() if (name, value) != ("headers", {})}

    @property
    def essence(self) -> dict[str, Any]:
        """What makes it another subject, on whatever machine: no folder, and no secret."""
        lent = {name: value for name, value in self.lent.items() if name != "cwd"}
        place = {"mcp_config": self.mcp_config.rpartition("/")[2]} if self.mcp_config else {}
        return {**self.to_json(), **({"lent": lent} if lent else {}), **place}

    @property
    def piped(self) -> bool:
        """Whether it speaks stdio: the lab starts it, and has its standard input and output."""
        return self.command is not None and not self.url

    @property
    def has_own_home(self) -> bool:
        """Whether each run has a HOME, XDG folders and a TMPDIR of its own."""
        if self.command is None or self.home is not None:
            return bool(self.home) and self.command is not None
        said = (self.command, *(value for name, value in self.environment.items()))
        return not any("{state_dir}" in text for text in said)

    @property
    def fixed_port(self) -> int | None:
        """The port of a server that is started, and is always at the same one."""
        own = self.inherits_socket or (self.url is not None and any(port in self.url for port in _OF_EACH_RUN))
        if self.command is None or self.url is None or own:
            return None
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def why_alone(self) -> str:
        """Why runs of it go one at a time; empty where they need not."""
        if self.fixed_port is not None:
            return f"the url has a fixed port, {self.fixed_port}; with {{port}} each run has its own"
        return "[subject] reset puts back what all runs share" if self.resets_all else ""

    @property
    def resets_all(self) -> bool:
        """Whether ``reset`` puts back what all runs share; one that names a run's folder makes what lies in that."""
        return self.reset is not None and "{state_dir}" not in f"{self.cwd} {self.reset}"

    @property
    def hooked(self) -> bool:
        """Whether its owner's commands start and end it."""
        return self.command is None and self.kill_command is not None

    @property
    def killable(self) -> bool:
        """Whether the lab can end it and start it again."""
        return self.command is not None or self.hooked

    @property
    def inherits_socket(self) -> bool:
        """Whether it is given a listening socket that the lab keeps over restarts."""
        return self.command is not None and "{listen_fd}" in self.command


@dataclass(frozen=True, slots=True)
class LifeSpec:
    """Another command or environment: from the life with this ``number`` on, or by turns where nobody says numbers."""

    number: int | None = None
    command: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
