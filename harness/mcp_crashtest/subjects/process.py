"""One process under test, from its spawn to its proven death."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from mcp_crashtest.subjects.proc import children_of, group_of, starved_s, state_of
from mcp_crashtest.subjects.trace import Trace

_POLL_S = 0.002
_STOPPED = "T"
_KILLING_S = 10.0
_WHOLE_GROUP = 1 << 2  # PIDFD_SIGNAL_PROCESS_GROUP
_ROUND_S = 0.1
INSIDE, OUTSIDE = "inside", "outside"


@dataclass(frozen=True, slots=True)
class Site:
    """By what else those who belong to a process are known: the port that it serves, and the folder of its state.

    ``held``: the lab itself listens on that port. ``everybody``: a kill is to reach those outside the group as well.
    """

    port: int = 0
    held: bool = False
    folder: str = ""
    everybody: bool = False


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start. Descriptors are the caller's; ``inherit`` become 3, 4, ... in the child.

    With ``preload`` the process is forked from a fork server that has imported these modules; ``argv`` must then be
    a Python with a script, or with ``-m`` and a module. With ``warm_up`` what most servers import is imported where no
    modules are named, FastMCP is warmed up, and a child stands by. ``user`` and group are whose it is to be,
    where the lab is root; such a process is never forked from a fork server.
    """

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    stdout: int
    stderr: int
    stdin: int | None = None
    inherit: tuple[int, ...] = ()
    preload: tuple[str, ...] | None = None
    warm_up: bool = False
    site: Site = Site()
    user: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: with an exit code, or by a signal."""

    code: int | None = None
    signal: int | None = None

    @classmethod
    def of(cls, status: int) -> Exit:
        """From a wait status."""
        if os.WIFSIGNALED(status):
            return cls(signal=os.WTERMSIG(status))
        return cls(code=os.WEXITSTATUS(status))

    def __str__(self) -> str:
        """As a person says it."""
        if self.signal is None:
            return "an end that nobody saw" if self.code is None else f"exit code {self.code}"
        try:
            return signal.Signals(self.signal).name
        except ValueError:
            return f"signal {self.signal}"


@dataclass(frozen=True, slots=True)
class KillProof:
    """What became of a kill: confirmed only if the leader died by it and nobody of it lives on."""

    confirmed: bool
    reason: str
    exit: Exit | None
    survivors: tuple[tuple[int, str], ...]
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Remains:
    """Who is left once a process is dead: of its group, or else of those who belong to it and are outside of it."""

    group_lives: bool
    inside: tuple[tuple[int, str], ...] = ()
    outside: tuple[tuple[int, str], ...] = ()

    def said(self, what: str = "the kill") -> str:
        """What that means for ``what``, and what to do about it; nothing where nobody is left."""
        if self.outside:
            return (
                f"{what} did not reach the whole server: {named(self.outside)} belongs to it, is outside its process "
                f"group, and was alive when the group was gone. Start it directly, or with 'exec', without setsid or a "
                f'daemon; or set [subject] kill = "all" if such workers are meant to outlive the server\'s own process'
            )
        if self.group_lives:
            return f"members of the process group live on{f': {named(self.inside)}' if self.inside else ''}"
        return ""


class Parentage(Protocol):
    """What a process needs of those who started it."""

    async def signal_group(self, pid: int, number: int) -> float | None:
        """Signal the whole group: when that was; None when its leader has ended."""

    async def watch(self, process: Process) -> None:
        """Watch everybody who belongs to it, from before its end on."""

    async def remains(self, process: Process, kill: Collection[str], wait_s: float) -> Remains:
        """Who is left, once the group is gone or the time is over; first kill those inside or outside the group."""

    async def forget(self, process: Process) -> None:
        """Watch it no longer."""


@dataclass(slots=True, eq=False)
class Process:
    """A process with a session of its own. ``pid`` is its leader and the number of its group.

    ``boot`` is in its environment and in that of everybody whom it starts. The pidfd is closed when it has ended.
    """

    pid: int
    pidfd: int
    boot: str
    warm: bool
    parentage: Parentage
    site: Site = Site()
    exited: Exit | None = None
    trace: Trace = field(default_factory=Trace)
    _dying: bool = False
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def tell_stopped(self) -> None:
        """The parent saw it stop; that it is stopped to be killed is nobody's news."""
        if not self._dying:
            self._stopped.set()

    def tell_ended(self, exit_: Exit) -> None:
        """The parent has reaped it."""
        if self.exited:
            return
        self.exited = exit_
        self._ended.set()
        self._stopped.set()
        os.close(self.pidfd)

    async def wait_exit(self, deadline_s: float) -> Exit:
        """Wait until it is reaped; raises TimeoutError."""
        async with asyncio.timeout(deadline_s):
            await self._ended.wait()
        assert self.exited
        return self.exited

    async def wait_stopped(self, deadline_s: float) -> bool:
        """Wait until it has stopped itself, or any descendant has; False when it ended. Raises TimeoutError.

        A stop of the leader is an event. Behind a launcher the server is a descendant, which has to be looked for.
        """
        async with asyncio.timeout(deadline_s):
            while not self._stopped.is_set():
                if not self.warm and not self._dying and any_stopped(self.pid):
                    return True
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), None if self.warm else _POLL_S)
        return self.exited is None

    def signal(self, number: int) -> bool:
        """Signal the leader; False when it has ended."""
        if self.exited:
            return False
        if number == signal.SIGCONT:
            self._stopped.clear()
        at = time.monotonic()
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return False
        self.trace.signalled(number, at)
        return True

    async def signal_group(self, number: int) -> bool:
        """Signal the whole group; False when the leader has ended."""
        if self.exited:
            return False
        if number == signal.SIGCONT:
            self._stopped.clear()
        at = await self.parentage.signal_group(self.pid, number)
        if at is not None:
            self.trace.signalled(number, at)
        return at is not None

    async def stop(self, number: int, deadline_s: float) -> Exit | None:
        """Signal the leader and wait until it ends; None when it does not, and the caller decides what then."""
        self.signal(number)
        try:
            return await self.wait_exit(deadline_s)
        except TimeoutError:
            return None

    async def watch(self) -> None:
        """Have everybody who belongs to it watched, before it is ended in another way than by ``kill``."""
        await self.parentage.watch(self)

    @property
    def starved_s(self) -> float:
        """For how long, since each began, those of its group have waited for a processor while they could have run."""
        return starved_s({self.pid, *group_of(self.pid)})

    async def kill(self, deadline_s: float = _KILLING_S) -> KillProof:
        """SIGKILL the whole group, or everybody who belongs to it, and prove that they are dead.

        It is stopped first, at once: its last moment is the one that was asked for, however long it takes on this
        machine to look who belongs to it. Not confirmed, with the reason, if it had ended before or if somebody who
        belongs to it was not reached. Raises HarnessError when the guard or the fork server is gone.
        """
        began = time.monotonic()
        if self.exited:
            return self._proof(
                began, f"the process had already ended with {self.exited} before the kill", await self.left()
            )
        self._dying = True
        self._stop_at_once()
        await self.parentage.watch(self)
        # Both are on their way at once: the guard is to look at the moment at which the group is gone.
        killed, remains = await asyncio.gather(
            self.signal_group(signal.SIGKILL),
            self.parentage.remains(self, self._reached, _ROUND_S),
        )
        try:
            ended = await self.wait_exit(deadline_s)
        except TimeoutError:
            reason = f"the process is not dead {deadline_s:.0f} s after SIGKILL"
            return KillProof(False, reason, None, ((self.pid, "the process itself"),), time.monotonic() - began)
        if remains.group_lives or (remains.outside and self._reached):
            remains = await self._remains(deadline_s, self._reached)
        await self._forget(remains)
        if not killed:
            return self._proof(began, f"the process had already ended with {ended} before the kill", remains)
        if ended.signal != signal.SIGKILL:
            return self._proof(began, f"the process ended with {ended} before the kill reached it", remains)
        if reason := remains.said():
            return self._proof(began, reason, remains)
        return KillProof(True, "killed and reaped, group gone", ended, (), time.monotonic() - began)

    def _stop_at_once(self) -> None:
        """Stop the whole group; the leader alone where he leads none yet, or the kernel (before 6.9) cannot."""
        leads, at = False, time.monotonic()
        with suppress(ProcessLookupError):
            leads = os.getpgid(self.pid) == self.pid
        for flags in (_WHOLE_GROUP, 0) if leads else (0,):
            with suppress(OSError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGSTOP, None, flags)
                self.trace.signalled(signal.SIGSTOP, at)
                return

    async def left(self, patience_s: float = 0.0, kill: Collection[str] = ()) -> Remains:
        """Who is left of it once it has ended; they get so long to leave. First kill those inside or outside."""
        remains = await self._remains(patience_s, kill)
        await self._forget(remains)
        return remains

    @property
    def _reached(self) -> tuple[str, ...]:
        return (OUTSIDE,) if self.site.everybody else ()

    async def _remains(self, patience_s: float, kill: Collection[str]) -> Remains:
        began = time.monotonic()
        while True:
            remains = await self.parentage.remains(self, kill, min(patience_s, _ROUND_S))
            if not remains.said() or time.monotonic() - began >= patience_s:
                return remains
            await asyncio.sleep(_POLL_S)

    async def _forget(self, remains: Remains) -> None:
        """The guard forgets by itself whoever has left nobody."""
        if remains.said():
            await self.parentage.forget(self)

    def _proof(self, began: float, reason: str, remains: Remains) -> KillProof:
        told = "; ".join(filter(None, dict.fromkeys((reason, remains.said()))))
        return KillProof(False, told, self.exited, remains.outside or remains.inside, time.monotonic() - began)


def named(processes: Iterable[tuple[int, str]]) -> str:
    """Processes as a message names them: number and command."""
    return "; ".join(f"{pid} {command}".strip() for pid, command in processes)


def any_stopped(pid: int) -> bool:
    """Whether a process or any of its descendants is stopped."""
    return state_of(pid) == _STOPPED or any(any_stopped(child) for child in children_of(pid))
