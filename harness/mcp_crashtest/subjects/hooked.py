"""A server that the lab did not start: commands of its owner's start, stop and kill it, and say whether it lives.

What such a command says is not believed alone. A kill is proven when the command has ended well, a connection that was
open before has ended, and the alive command says that the server is dead, or prints something else than before: whoever
starts it again by himself may be faster than we look. The commands run beside the guard, not under it: what they start
belongs to the owner and outlives the lab. Each has a time in which it must end, and what it says is kept and bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.subject_spec import HOOK_DEADLINE_S, SubjectSpec
from mcp_crashtest.subjects.commands import absolute, environment_of, last_lines, words_of
from mcp_crashtest.subjects.eye import Eye, place_of
from mcp_crashtest.subjects.process import Exit, KillProof, Remains
from mcp_crashtest.subjects.sockets import accepts
from mcp_crashtest.subjects.trace import Trace

_ALIVE, _START, _STOP, _KILL = "alive", "start", "stop", "kill"
_GONE_S, _LOOK_S, _PAUSE_S = 10.0, 1.0, 0.05
_CANNOT_RUN = 126  # and above: no word about the server
_LONGEST_WORDS = 300
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Said:
    """What a command came to, and the last that it said."""

    code: int
    words: str


@dataclass(slots=True, eq=False)
class Hooks:
    """The four commands of one server; ``values`` fill their placeholders, ``cwd`` is where they are at home."""

    spec: SubjectSpec
    folder: RunFolder
    cwd: str
    values: Mapping[str, Any]
    url: str
    lives: int = 0
    latest: HookedLife | None = None

    async def run(self, name: str) -> Said:
        """Run one of them to its end; raises SubjectError where it cannot run, or does not end in time."""
        command, key = getattr(self.spec, f"{name}_command"), f"[subject] {name}_command"
        environment = environment_of(self.spec.environment, self.values, self.spec.hidden)
        words = absolute(words_of(command, self.values, self.spec.hidden), environment)
        deadline_s, log = self.spec.hook_deadline_s or HOOK_DEADLINE_S, self.folder.hook_log(name)
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *words,
                cwd=self.cwd,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=_die_with_the_lab,
            )
        try:
            code = await asyncio.wait_for(process.wait(), deadline_s)
        except TimeoutError:
            raise SubjectError(
                f"{key} has not ended within {deadline_s:g} s ([subject] hook_deadline_s gives it more){_said(log)}"
            ) from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code >= _CANNOT_RUN:
            raise SubjectError(f"{key} could not run: exit code {code}{_said(log)}")
        return Said(code, await asyncio.to_thread(_words, log))

    async def alive(self) -> Said:
        """Ask whether the server lives: exit code 0, and what is printed tells its lives apart, if it does."""
        return await self.run(_ALIVE)

    # --- its lives

    async def boot(self) -> HookedLife:
        """Its next life: one that is there already, or that ``begin`` has the start command begin; SubjectError."""
        look = await self.alive()
        self.lives += 1
        self.latest = HookedLife(self.lives, self, look.words, begun=look.code == 0)
        return self.latest

    async def begin(self, life: HookedLife) -> None:
        """Start the server where it is not there, until it takes connections; raises SubjectError."""
        deadline = time.monotonic() + self.spec.ready_deadline_s
        if not life.begun:
            started = await self.run(_START)
            while (look := await self.alive()).code != 0:
                if started.code != 0:
                    raise SubjectError(f"[subject] start_command: exit code {started.code}: {started.words}")
                if time.monotonic() > deadline:
                    raise SubjectError(
                        f"[subject] alive_command says that the server is dead {self.spec.ready_deadline_s:g} s after "
                        f"start_command: exit code {look.code}: {look.words}"
                    )
                await asyncio.sleep(_PAUSE_S)
            life.words, life.begun = look.words, True
        while not await accepts(_address(self.url)):
            if time.monotonic() > deadline:
                raise SubjectError(f"the server is said to live, and nobody accepts connections at {self.url}")
            await asyncio.sleep(_PAUSE_S)

    async def leave(self) -> None:
        """Leave the server as it was found: alive."""
        if self.latest and self.latest.exited and (await self.alive()).code != 0:
            await self.run(_START)

    async def ended(self, name: str, before: str) -> str:
        """End a life, of which ``before`` was said, with this command; why that is not proven, or nothing."""
        try:
            async with Eye.open(self.url) as eye:
                if eye.ended:
                    return f"there was no connection to {self.url} that could end with the server"
                said = await self.run(name)
                if said.code != 0:
                    return f"[subject] {name}_command: exit code {said.code}: {said.words}"
                return await self._gone(name, before, eye)
        except SubjectError as error:
            return str(error)

    async def _gone(self, name: str, before: str, eye: Eye) -> str:
        """Wait until it has gone, as far as one can see; what is missing for that."""
        deadline = time.monotonic() + _GONE_S
        dead = False
        while True:
            look = await self.alive()
            dead = dead or look.code != 0 or look.words != before
            if dead and eye.ended:
                return ""
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(_PAUSE_S)
        after = f"{_GONE_S:.0f} s after {name}_command"
        if not dead:
            return f"alive_command says that the same server lives, {after}: {look.words or '(no output)'}"
        return f"the connection to {self.url} has not ended {after}: whoever holds it is not dead"


@dataclass(slots=True, eq=False)
class HookedLife:
    """One life of such a server; ``words`` is what the alive command printed of it. It can be ended, and not frozen."""

    number: int
    hooks: Hooks
    words: str
    begun: bool = True
    parked: bool = False
    expected_to_end: bool = False
    exited: Exit | None = None
    trace: Trace = field(default_factory=Trace)  # nobody knows anything of that
    _refuted: str = ""
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Have it started, where nobody has; what that takes is of its own time."""
        await self.hooks.begin(self)

    @property
    def pid(self) -> int:
        """Nobody knows."""
        return 0

    @property
    def warm(self) -> bool:
        """It comes from no fork server."""
        return False

    @property
    def starved_s(self) -> float:
        """Nobody knows."""
        return 0.0

    @property
    def whole(self) -> bool:
        """Whom a planned restart reaches is the stop command's matter."""
        return False

    @property
    def everybody(self) -> bool:
        """Whom a kill reaches is the kill command's matter."""
        return False

    async def kill(self) -> KillProof:
        """Have it killed, and prove it."""
        began = time.monotonic()
        if self.exited or self._refuted:
            reason = self._refuted or f"it had already ended with {self.exited} before the kill"
            return KillProof(False, reason, self.exited, (), 0.0)
        self.expected_to_end = True
        if reason := await self.hooks.ended(_KILL, self.words):
            return KillProof(False, reason, None, (), time.monotonic() - began)
        self._ends(Exit(signal=signal.SIGKILL))
        return KillProof(True, "killed by its owner's command", self.exited, (), time.monotonic() - began)

    async def leave(self) -> bool:
        """The run is over: it lives on, as it was found."""
        return True

    async def wait_exit(self, deadline_s: float) -> Exit:
        """Wait for its end; raises TimeoutError, at once where a stop could not be proven."""
        async with asyncio.timeout(deadline_s):
            while not self.exited:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), _LOOK_S)
                if self._refuted:
                    raise TimeoutError(self._refuted)
                if self.begun and not self.expected_to_end and not self.exited:
                    await self._look()
        return self.exited

    async def _look(self) -> None:
        """Whether it has ended by itself: twice in a row it is said to be dead. Who cannot be asked says nothing."""
        with contextlib.suppress(SubjectError):
            for _ in range(2):
                if (await self.hooks.alive()).code == 0 or self.expected_to_end:
                    return
                await asyncio.sleep(_PAUSE_S)
            self._ends(Exit())

    def _ends(self, how: Exit) -> None:
        self.exited = how
        self._over.set()

    async def to_be_told(self) -> bool:
        """Whether it is there to be told to stop."""
        return self.exited is None

    async def terminate(self) -> bool:
        """Have it stopped; False when it has ended."""
        if self.exited:
            return False
        self.expected_to_end = True
        self._stopping = asyncio.create_task(self._stop())
        return True

    async def _stop(self) -> None:
        self._refuted = await self.hooks.ended(_STOP, self.words)
        if not self._refuted:
            self._ends(Exit(code=0))
        self._over.set()

    async def wait_parked(self, deadline_s: float) -> bool:
        """It has no crash points, and never parks."""
        await self.wait_exit(deadline_s)
        return False

    async def go_on(self) -> bool:
        """It does not park."""
        return False

    async def left(self, patience_s: float, *, kill: Collection[str] = ()) -> Remains:
        """Who is left of it, nobody can see."""
        return Remains(False)

    async def freeze(self) -> bool:
        """There is no command for that."""
        return False

    async def thaw(self) -> bool:
        """There is no command for that."""
        return False


def _address(url: str) -> str:
    host, port = place_of(url)
    return f"tcp://{host}:{port}"


def _die_with_the_lab() -> None:
    """A command that the lab waits for is not left behind by it; what the command has started is none of ours."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _words(log: Path) -> str:
    words = last_lines(log)
    return "" if words == "(no output)" else words[-_LONGEST_WORDS:]


def _said(log: Path) -> str:
    return f": {words}" if (words := _words(log)) else ""
