"""One process under test, from its spawn to its proven death."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from mcp_crashtest.subjects.parent import children_of, state_of

_POLL_S = 0.002
_STOPPED = "T"
_KILLING_S = 10.0
_LEAVING_S = 1.0


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start. Descriptors are the caller's; ``inherit`` become 3, 4, ... in the child.

    With ``preload`` the process is forked from a fork server that has imported these modules; ``argv`` must then be
    the lab's own interpreter with a script, or with ``-m`` and a module.
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
            return f"exit code {self.code}"
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
    """What is left once a process is dead: whether its group lives, and orphans that it, or its children, left."""

    group_lives: bool
    orphans: tuple[tuple[int, str], ...]


class Parentage(Protocol):
    """What a process needs of those who started it."""

    async def signal_group(self, pid: int, number: int) -> bool:
        """Signal the whole group; False when its leader has ended."""

    async def remains(self, group: int, boot: str) -> Remains:
        """What is left of a group, and of a boot outside of it."""


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
    spawned_at_s: float = field(default_factory=time.monotonic)
    exited: Exit | None = None
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def tell_stopped(self) -> None:
        """The parent saw it stop."""
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
                if not self.warm and any_stopped(self.pid):
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
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return False
        return True

    async def signal_group(self, number: int) -> bool:
        """Signal the whole group; False when the leader has ended."""
        if self.exited:
            return False
        if number == signal.SIGCONT:
            self._stopped.clear()
        return await self.parentage.signal_group(self.pid, number)

    async def stop(self, number: int, deadline_s: float) -> Exit | None:
        """Signal the leader and wait until it ends; None when it does not, and the caller decides what then."""
        self.signal(number)
        try:
            return await self.wait_exit(deadline_s)
        except TimeoutError:
            return None

    async def kill(self, deadline_s: float = _KILLING_S) -> KillProof:
        """SIGKILL the whole group, and prove that it is dead.

        Not confirmed, with the reason, if it had ended before or if somebody whom it started lives on. Raises
        HarnessError when the guard or the fork server is gone.
        """
        began = time.monotonic()
        if self.exited or not await self.parentage.signal_group(self.pid, signal.SIGKILL):
            remains = await self._gone(_LEAVING_S)
            ended = f" with {self.exited}" if self.exited else ""
            return self._proof(began, f"the process had already ended{ended} before the kill", remains)
        try:
            ended_by = await self.wait_exit(deadline_s)
        except TimeoutError:
            reason = f"the process is not dead {deadline_s:.0f} s after SIGKILL"
            return KillProof(False, reason, None, ((self.pid, "the process itself"),), time.monotonic() - began)
        remains = await self._gone(deadline_s)
        if ended_by.signal != signal.SIGKILL:
            return self._proof(began, f"the process ended with {ended_by} before the kill reached it", remains)
        if remains.orphans or remains.group_lives:
            return self._proof(began, "", remains)
        return KillProof(True, "killed and reaped, group gone", ended_by, (), time.monotonic() - began)

    async def _gone(self, group_s: float) -> Remains:
        """Wait until nobody of the group is left; those outside it get a short while to notice and leave."""
        began = time.monotonic()
        while True:
            remains = await self.parentage.remains(self.pid, self.boot)
            patience_s = group_s if remains.group_lives else _LEAVING_S if remains.orphans else 0.0
            if time.monotonic() - began >= patience_s:
                return remains
            await asyncio.sleep(_POLL_S)

    def _proof(self, began: float, reason: str, remains: Remains) -> KillProof:
        survivors = remains.orphans
        if survivors:
            named = "; ".join(f"{pid} {command}" for pid, command in survivors)
            escaped = (
                f"the kill did not reach the server: it left the process group of its launcher and lives on ({named}). "
                f"Start it directly, or with 'exec', without setsid or a daemon"
            )
            reason = f"{reason}; {escaped}" if reason else escaped
        elif remains.group_lives:
            reason = reason or "members of the process group live on"
        return KillProof(False, reason, self.exited, survivors, time.monotonic() - began)


def any_stopped(pid: int) -> bool:
    """Whether a process or any of its descendants is stopped."""
    return state_of(pid) == _STOPPED or any(any_stopped(child) for child in children_of(pid))
