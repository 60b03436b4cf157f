"""What the guard keeps of a life between the moment before its kill and the proof of it: a pidfd for every member.

The proof is made at the moment at which the last of the group is reaped: whoever of the life is outside the group and
can still do something then has not been reached by the kill, however soon he ends.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.subjects.members import Census, Life, Member, called, holders
from mcp_crashtest.subjects.proc import children_of, most_memory_bytes, see, written_bytes

INSIDE, OUTSIDE = "inside", "outside"
_MOST_LISTED = 20
_MOST_WATCHES = 64
_MOST_HELD = 256
_ROUND_MS = 2
_PAUSE_S = 0.0002

Named = tuple[int, str]


@dataclass(slots=True)
class Held:
    """A member that is watched: his pidfd, how he is named, and whether he is surely of this life."""

    pidfd: int
    named: Named
    inside: bool
    sure: bool

    @property
    def ended(self) -> bool:
        """Whether he has ended."""
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(0))

    @property
    def open(self) -> bool:
        """Whether he can still do something: who is dying cannot."""
        seen = None if self.ended else see(self.named[0])
        return seen is not None and seen.open


@dataclass(slots=True)
class Watches:
    """The lives that are watched, by their boots. ``reap`` reaps whoever has ended."""

    census: Census
    reap: Callable[[], None]
    _held: dict[str, dict[int, Held]] = field(default_factory=dict)

    def begin(self, life: Life) -> dict[str, Any]:
        """Watch a life's members from now on, and say what they have used: it is about to be killed.

        Of memory that is what the one that had most has held; of what was written, the sum of those who live.
        """
        self.end(life.boot)
        while len(self._held) >= _MOST_WATCHES:
            self.end(next(iter(self._held)))
        self._held[life.boot] = {}
        self._look(life)
        members = [held.named[0] for held in self._watched(life) if held.sure]
        memory = [found for pid in members if (found := most_memory_bytes(pid)) is not None]
        written = [found for pid in members if (found := written_bytes(pid)) is not None]
        return {
            "memory_bytes": max(memory, default=None),
            "written_bytes": sum(written) if written else None,
        }

    def end(self, boot: str) -> dict[str, Any]:
        """Watch it no longer."""
        self.census.born.pop(boot, None)
        for held in self._held.pop(boot, {}).values():
            os.close(held.pidfd)
        return {}

    def remains(self, life: Life, *, kill: Collection[str], wait_s: float) -> dict[str, Any]:
        """Who of the life is left, once its group is gone or the time is over; first kill those inside or outside it.

        Where those outside are killed they are waited for too, and looked for again until nobody is found.
        """
        deadline = time.monotonic() + wait_s
        self._strike(life, kill)
        while (group := self._group_lives(life)) and time.monotonic() < deadline:
            self._wait(held for held in self._watched(life) if held.inside)
        if group:
            self._look(life)
            return {"group_lives": True, "inside": self._open(life, inside=True), "outside": []}
        self._look_for_orphans(life)
        while OUTSIDE in kill and self._dying(life) and time.monotonic() < deadline:
            self._strike(life, kill)
            self._wait(self._dying(life))
            self._look(life)
        outside = self._open(life, inside=False) or self._listening(life)
        if not outside:
            self.end(life.boot)
        return {"group_lives": False, "inside": [], "outside": outside}

    def _watched(self, life: Life) -> list[Held]:
        return list(self._held.get(life.boot, {}).values())

    def _open(self, life: Life, *, inside: bool) -> list[Named]:
        left = [held.named for held in self._watched(life) if held.inside is inside and held.open][:_MOST_LISTED]
        return [(pid, called(pid) or said) for pid, said in left]  # what it does by now, unless that is over

    def _dying(self, life: Life) -> list[Held]:
        return [held for held in self._watched(life) if held.sure and not held.inside and not held.ended]

    def _look(self, life: Life) -> None:
        for member in self.census.members(life):
            self._hold(life, member)

    def _look_for_orphans(self, life: Life) -> None:
        """Look at everybody again only if the guard has adopted somebody who is not watched yet."""
        known = self._held.setdefault(life.boot, {})
        adopted = [pid for pid in children_of(self.census.guard) if pid not in self.census.forked and pid not in known]
        if any((seen := see(pid)) and seen.open for pid in adopted):
            self._look(life)

    def _hold(self, life: Life, member: Member) -> None:
        held, seen = self._held.setdefault(life.boot, {}), member.seen
        if seen.pid in held or len(held) >= _MOST_HELD:
            return
        named = member.named
        try:
            pidfd = os.pidfd_open(seen.pid)
        except OSError:  # it has ended
            return
        again = see(seen.pid)
        if again is None or again.born != seen.born:
            os.close(pidfd)
            return
        inside = life.leader in (seen.pid, seen.group)  # the leader leads no group in its first instant
        held[seen.pid] = Held(pidfd, named, inside, member.sure)

    def _strike(self, life: Life, kill: Collection[str]) -> None:
        for held in self._watched(life):
            if held.sure and (INSIDE if held.inside else OUTSIDE) in kill:
                with suppress(OSError):
                    signal.pidfd_send_signal(held.pidfd, signal.SIGKILL)

    def _group_lives(self, life: Life) -> bool:
        self.reap()
        if any(held.inside and not held.ended for held in self._watched(life)):
            return True
        try:
            os.killpg(life.leader, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def _wait(self, whom: Iterable[Held]) -> None:
        """For one of them, or a moment."""
        poll, waiting = select.poll(), False
        for held in whom:
            if not held.ended:
                poll.register(held.pidfd, select.POLLIN)
                waiting = True
        if waiting:
            poll.poll(_ROUND_MS)
        else:  # they have ended, and somebody else has to reap them
            time.sleep(_PAUSE_S)

    def _listening(self, life: Life) -> list[Named]:
        """Whoever still listens on the life's port, though nobody of it is left."""
        if not life.port or life.held:
            return []
        found, anybody = holders(life.port)
        if anybody and not found:
            return [(0, f"somebody whose /proc cannot be read, and who listens on port {life.port}")]
        return [member.named for member in found][:_MOST_LISTED]
