"""A subject at one site: the folder, the port and the ledger that it keeps over all its lives, and how to start one.

A profile says how a subject is started; this file fills in the placeholders, writes the workload's input, holds the
listening socket where the command takes one, and chooses between the fork server and a cold spawn. What may be
killed is a ``Life``; faults are another room's work.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.files.secrets import filled_header, filled_word
from mcp_crashtest.model.coordinates import Batch, Coordinate
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.losses import Loss
from mcp_crashtest.model.offers import Principal
from mcp_crashtest.model.paths import fill
from mcp_crashtest.model.profile import Profile, Workload
from mcp_crashtest.model.subject_spec import Kill, Stop
from mcp_crashtest.subjects.commands import absolute, environment_of, last_lines, words_of, write_input
from mcp_crashtest.subjects.fork_servers import warm_program
from mcp_crashtest.subjects.life import Life, ProcessLife
from mcp_crashtest.subjects.placeholders import values_at
from mcp_crashtest.subjects.process import Launch, Site
from mcp_crashtest.subjects.sockets import GIVING_BACK_S, find_free_port, is_given_back, listen_socket, who_listens
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.streams import Streams
from mcp_crashtest.subjects.surroundings import at_home, make_home
from mcp_crashtest.subjects.syscalls import stores
from mcp_crashtest.subjects.syscalls.control import Control
from mcp_crashtest.subjects.syscalls.engines import Counting, before

if TYPE_CHECKING:
    from mcp_crashtest.subjects.hooked import Hooks
    from mcp_crashtest.subjects.services import Service, Services

POINTS_VARIABLE = "CRASHTEST_POINTS"
_HASH_SEED = "PYTHONHASHSEED"
_TWO_SEEDS = ("1", "2")


class NotBegun(SubjectError):
    """What comes before a first life has failed: another start would not help."""


@dataclass(slots=True)
class Subject:
    """One subject at one site, with one size of its job. ``close`` gives the port back; the folder stays.

    ``started`` names its lives, of which no more than ``warm_lives`` come from a fork server. With ``hash_seed``
    Python's hashes are those of that seed in all of them; else two lives in a row have different ones, unless the
    profile sees to that. ``starts_again``: a second life is to be expected, and what it needs is got ready.
    ``beside`` are its services; they begin before its first life, and ``end`` ends them. ``hooks`` are its owner's
    commands, where the lab does not start it. ``counting``: an engine counts the system calls of each life.
    ``patient``: a task that it does not show may be one that it has not read yet.
    """

    profile: Profile
    spawner: Spawner
    folder: RunFolder
    run_id: str
    workload: Workload
    warm_lives: int | None = None
    hash_seed: int | None = None
    starts_again: bool = False
    beside: Services | None = None
    hooks: Hooks | None = None
    counting: Counting | None = None
    patient: bool = False
    port: int = 0
    held: socket.socket | None = None
    other_door: tuple[int, socket.socket | None] | None = None
    streams: Streams | None = None
    lives: int = 0
    started: list[str] = field(default_factory=list)

    def open(self) -> None:
        """Make the site: folders, port, input."""
        spec = self.profile.subject
        self.folder.open()
        if spec.inherits_socket:
            self.held = listen_socket()
            self.port = self.held.getsockname()[1]
        elif spec.command and not spec.piped:
            self.port = spec.fixed_port or find_free_port()
        if spec.has_own_home:
            make_home(self.folder.home)
        if self.workload.input_file:
            write_input(Path(self.fill(self.workload.input_file)), self.workload)

    async def end(self) -> bool:
        """End its services, once all of its lives have ended, and close; whether nobody of them is left."""
        self.close()
        if self.counting:
            self.counting.keep(self.folder, self.lives)
        if self.hooks:
            await self.hooks.leave()
        return await self.beside.end() if self.beside else True

    @property
    def services(self) -> Sequence[Service]:
        """What it needs beside itself."""
        return self.beside.all if self.beside else ()

    def close(self) -> None:
        """Give the listening socket back, and let go of pipes that nobody has taken."""
        for held in (self.held, self.other_door and self.other_door[1]):
            if held:
                held.close()
        self.held = self.other_door = None
        if self.streams:
            self.streams.close()

    def change_door(self) -> None:
        """Give lives that begin from now on another address; or the first one again, when two had one each."""
        if self.other_door is None:
            held = listen_socket() if self.profile.subject.inherits_socket else None
            self.other_door = held.getsockname()[1] if held else find_free_port(), held
        (self.port, self.held), self.other_door = self.other_door, (self.port, self.held)

    @property
    def killable(self) -> bool:
        """Whether the lab may stop and start it."""
        return self.profile.subject.killable

    @property
    def piped(self) -> bool:
        """Whether it is spoken to over its standard streams."""
        return self.profile.subject.piped

    def take_streams(self) -> tuple[int, ...]:
        """The client's ends of the latest life's pipes, to be closed by the caller; empty where somebody has them."""
        return self.streams.taken() if self.streams else ()

    def control(self, life: int) -> Control:
        """Where the calls of one of its lives are counted."""
        return Control(self.folder.control_file(life))

    @property
    def call(self) -> Mapping[str, Any]:
        """Before which call its latest life stands still; nothing where none is counted, or it does not."""
        counted = self.control(self.lives).read() if self.counting and self.lives else None
        if counted is None or counted.reached is None:
            return {}
        known = counted.calls[counted.reached - 1] if counted.reached <= len(counted.calls) else None
        return {"call": counted.reached, **({"name": known.name, "size": known.size} if known else {})}

    def cut_power(self, loss: Loss) -> str:
        """Its latest life is dead: leave in its store what a power cut leaves. In words; raises NotFollowed."""
        return stores.cut(self.control(self.lives), self.folder.state_dir, loss)

    @property
    def version(self) -> Mapping[str, Any]:
        """Of a server with other versions: the command of its latest life, and the variables that are its own.

        Of one whose calls are counted: what their clock says now.
        """
        counted = {"engine": self.counting.engine, "clock": time.monotonic()} if self.counting else {}
        if not self.profile.lives:
            return counted
        command, variables = self.profile.life(self.lives)
        own = {k: v for k, v in variables.items() if self.profile.subject.environment.get(k) != v}
        return {"command": command, **({"environment": own} if own else {}), **counted}

    @property
    def ready_deadline_s(self) -> float:
        """How long a start may take."""
        return self.profile.subject.ready_deadline_s

    @property
    def url(self) -> str:
        """Where the subject is reached."""
        spec = self.profile.subject
        return "stdio" if self.piped else filled_word(spec.url or "", self.values, spec.hidden, "url")

    @property
    def values(self) -> dict[str, Any]:
        """What stands for the placeholders of the profile at this site."""
        return values_at(self)

    @property
    def cwd(self) -> str:
        """The folder in which its command runs; raises SubjectError where there is none."""
        where = Path(self.profile.folder, self.fill(self.profile.subject.cwd or "."))
        if not where.is_dir():
            raise SubjectError(f"there is no folder {where} to start the command in: look at [subject] cwd")
        return str(where)

    @property
    def headers(self) -> Mapping[str, str]:
        """What goes with every request of whoever has the job done."""
        principals = self.profile.principals
        return self.headers_of(principals[0] if principals else None)

    def headers_of(self, principal: Principal | None) -> Mapping[str, str]:
        """Somebody's headers, at this site, with their secrets; raises UsageError where one is missing."""
        hidden, given = self.profile.subject.hidden, self.profile.headers_of(principal)
        return {name: filled_header(value, self.values, hidden, f"headers.{name}") for name, value in given.items()}

    def fill(self, template: Any) -> Any:
        """Fill a template of the profile with this site's values."""
        return fill(template, self.values)

    def log_tail(self) -> str:
        """The last lines that the latest life has written, for an error message."""
        return self.log_tail_of(self.lives)

    def log_tail_of(self, life: int) -> str:
        """The last lines that one of its lives has written."""
        return last_lines(self.folder.server_log(life))

    async def boot(self, points: Sequence[Coordinate] = ()) -> Life:
        """Begin another life, with these crash points armed; raises SubjectError where it cannot be."""
        spec = self.profile.subject
        if self.hooks:
            return await self.hooks.boot()
        if spec.command is None:
            raise UsageError("a subject that is reached by URL alone cannot be started by the lab: give a command")
        if self.lives == 0:
            await self._begin()
        command, variables = self.profile.life(self.lives + 1)
        argv = words_of(command or spec.command, self.values, spec.hidden)
        environment = self._environment(variables)
        if points:
            armed = (at for at in points if isinstance(at, Batch))
            environment[POINTS_VARIABLE] = ",".join(f"{at.phase}@{at.number}" for at in armed)
        cold = spec.cold or (self.warm_lives is not None and self.lives >= self.warm_lives)
        cold |= self.counting is not None and self.counting.cold
        warm = None if cold else warm_program(argv, environment.get("PATH"))
        seed, next_seed = (None, None) if _HASH_SEED in variables else self._hash_seeds(warm=warm is not None)
        if seed is not None:
            environment[_HASH_SEED] = seed
        self.lives += 1
        with self.folder.server_log(self.lives).open("ab") as log:
            stdin, stdout = self._streams(log.fileno())
            launch = Launch(
                argv=(warm, *argv[1:]) if warm else absolute(argv, environment),
                cwd=self.cwd,
                env=environment,
                stdin=stdin,
                stdout=stdout,
                stderr=log.fileno(),
                inherit=(self.held.fileno(),) if self.held else (),
                preload=(spec.preload or ()) if warm else None,
                warm_up=warm is not None,
                site=Site(self.port, self.held is not None, str(self.folder.state_dir), spec.kill is Kill.ALL),
            )
            if self.counting:
                control = self.control(self.lives)
                control.make(self.folder.state_dir, self.folder.ledger, before(points))
                launch = self.counting.around(launch, control)
            if (
                self.starts_again and not self.profile.lives and next_seed is not None and launch.preload is not None
            ):  # it imports meanwhile
                self.spawner.prepare(replace(launch, env={**launch.env, _HASH_SEED: next_seed}))
            process = await self.spawner.spawn(launch)
        if self.streams:
            self.streams.given_to_server()
        self.started.append(process.boot)
        return ProcessLife(self.lives, process, whole=spec.stop is Stop.GROUP)

    def _streams(self, log: int) -> tuple[int | None, int]:
        """What the next life reads and writes: nothing and its log, or pipes of its own."""
        if not self.piped:
            return None, log
        if self.streams:
            self.streams.close()
        self.streams = Streams.made()
        stdin, stdout = self.streams.theirs
        return stdin, stdout

    def _environment(self, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        """Of the server in a life with these variables, or of what puts back what all runs share."""
        spec = self.profile.subject
        own = at_home(self.folder.home, os.environ) if spec.has_own_home else {}
        said = spec.environment if variables is None else variables
        environment = environment_of({**own, **said}, self.values, spec.hidden)
        if self.piped and "PYTHONUNBUFFERED" not in (*spec.environment, *os.environ):
            # no host sets it: who does not flush his answers is heard late, or never
            del environment["PYTHONUNBUFFERED"]
        return environment

    async def _begin(self) -> None:
        """Before the first life: put back what all runs share, and see that a fixed port is free."""
        spec = self.profile.subject
        if self.beside:
            await self.beside.begin(self.values)
        if spec.reset:
            await self._reset(spec.reset)
        if (port := spec.fixed_port) is not None and not await is_given_back(port):
            raise NotBegun(
                f"port {port} of [subject] url is in use by {who_listens(port)}, and was not given back within "
                f"{GIVING_BACK_S:.0f} s: end it, or have the server take its port from {{port}}"
            )

    async def _reset(self, command: str) -> None:
        """Run the command that puts back what lies elsewhere; raises SubjectError where it fails or does not end."""
        spec, environment, log_file = self.profile.subject, self._environment(), self.folder.reset_log
        argv = absolute(words_of(command, self.values, spec.hidden), environment)
        with log_file.open("ab") as log:
            launch = Launch(argv, self.cwd, environment, stdout=log.fileno(), stderr=log.fileno())
            process = await self.spawner.spawn(launch)
        self.started.append(process.boot)
        try:
            ended = str(await process.wait_exit(spec.ready_deadline_s))
        except TimeoutError:
            await process.kill()
            ended = f"no end within {spec.ready_deadline_s:g} s ([subject] ready_deadline_s)"
        if ended != "exit code 0":
            raise NotBegun(f"[subject] reset came to {ended}; its last words:\n{last_lines(log_file)}")

    def _hash_seeds(self, *, warm: bool) -> tuple[str | None, str | None]:
        """The hash seed of this life, and that of the next; None where Python is to choose.

        As in production, one life's hashes are not another's: what is stored by them is lost. A cold life has a seed
        of its own; warm ones have that of their fork server, of which there are two.
        """
        if self.hash_seed is not None:
            return str(self.hash_seed), None
        return (_TWO_SEEDS[self.lives % 2], _TWO_SEEDS[(self.lives + 1) % 2]) if warm else (None, None)
