"""Who belongs to a life, and who of them can still do something: what the guard must know before and after a kill.

A life's members are the descendants of its leader, whoever is in its group or session, whoever of those whom the guard
has adopted has the life's mark in his environment, or holds the life's port or something in its folder, and whoever
hides all that: he could be anybody's, and is never overlooked. Somebody whom other hands have started (a daemon of the
user's) belongs to the life only if he is younger than it and has its mark or can write into its folder, or if he
listens on its port when all others are dead. The lab, the guard, fork servers and other open lives, with all that is
theirs, do not belong to it.

Of whoever is none of ours only the number, the inode and the birth are kept: a look costs one stat for each of them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.subjects.proc import Seen, boot_of, command_of, holds, is_free, listening, numbers, readable, see

_HIDDEN = ", whose /proc cannot be read"
_NOBODY = ""
_BEFORE_ALL = -1


@dataclass(frozen=True, slots=True)
class Life:
    """What tells who belongs to a life. ``others`` are all open lives of this guard: number of the leader, boot.

    ``held``: the lab itself listens on the port, and keeps it over restarts.
    """

    leader: int
    boot: str
    port: int
    held: bool
    folder: str
    others: dict[int, str]

    @classmethod
    def of(cls, request: dict[str, Any]) -> Life:
        """From a request of the lab."""
        others = {int(pid): str(boot) for pid, boot in request["open"] if boot != request["boot"]}
        return cls(request["group"], request["boot"], request["port"], request["held"], request["folder"], others)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of a life. ``sure``: it is this life's, and no other's."""

    seen: Seen
    sure: bool = True

    @property
    def named(self) -> tuple[int, str]:
        """Number and command, for a message."""
        return self.seen.pid, called(self.seen.pid)


def called(pid: int) -> str:
    """The command of a process, and that it cannot be looked into where that is so; nothing once it has ended."""
    return f"{command_of(pid)}{'' if readable(pid) else _HIDDEN}" if see(pid) else ""


@dataclass(slots=True)
class Census:
    """Looks at all processes. ``guard`` is the root of all that the lab has started, ``forked`` whom it has itself.

    ``born`` are the births of the leaders of those lives that are watched, by their boots.
    """

    guard: int
    forked: set[int]
    born: dict[str, int] = field(init=False, default_factory=dict)
    _strangers: dict[int, tuple[int, int]] = field(init=False, default_factory=dict)

    def members(self, life: Life) -> list[Member]:
        """Everybody of the life who can still do something."""
        family = self._family()
        owners: dict[int, str | None] = {}
        hidden: list[Seen] = []
        found: list[Member] = []
        for one in family.values():
            owner = self._owner(one, life, family, owners) if one.open else _NOBODY
            if owner is None:
                hidden.append(one)
            elif owner == life.boot:
                found.append(Member(one))
        if leader := family.get(life.leader):
            self.born[life.boot] = leader.born
        began = self.born.get(life.boot)
        if began is not None:  # whoever is older is not its doing
            hidden = [one for one in hidden if one.born >= began]
        near = [pid for pid, (_, born) in self._strangers.items() if began is not None and born >= began]
        sockets = listening(life.port) if life.port and hidden else {}
        found += [Member(one, sure=holds(one.pid, sockets, life.folder)) for one in hidden]
        strangers = (see(pid) for pid in near if self._belongs(pid, life))
        found += [Member(one) for one in strangers if one and one.open]
        return found

    def _family(self) -> dict[int, Seen]:
        """The guard's descendants. Whoever is none is a stranger for ever: of him only inode and birth are kept."""
        seen: dict[int, Seen] = {}
        strangers: dict[int, tuple[int, int]] = {}
        for pid in numbers("/proc"):
            known = self._strangers.get(pid)
            if known and known[0] == _inode(pid):
                strangers[pid] = known
            elif one := see(pid):
                seen[pid] = one
        family = {pid: one for pid, one in seen.items() if self._descends(one, seen)}
        strangers |= {pid: (_inode(pid), one.born) for pid, one in seen.items() if pid not in family}
        strangers.pop(self.guard, None)
        self._strangers = strangers
        return family

    def _descends(self, one: Seen, seen: dict[int, Seen]) -> bool:
        for _ in range(len(seen)):
            if one.parent == self.guard:
                return True
            if one.parent not in seen:
                return False
            one = seen[one.parent]
        return False

    def _belongs(self, pid: int, life: Life) -> bool:
        """Whether a stranger belongs to the life; what bears the mark of another lab's life is not looked at again."""
        boot = boot_of(pid)
        if boot is not None and boot != life.boot:
            self._strangers[pid] = (self._strangers[pid][0], _BEFORE_ALL)
            return False
        return boot is not None or holds(pid, (), life.folder, stranger=True)

    def _owner(self, one: Seen, life: Life, family: dict[int, Seen], owners: dict[int, str | None]) -> str | None:
        """Whose a descendant of the guard is: a boot, nobody's, or None where that is hidden."""
        if one.pid not in owners:
            owners[one.pid] = self._judged(one, life, family, owners)
        return owners[one.pid]

    def _judged(self, one: Seen, life: Life, family: dict[int, Seen], owners: dict[int, str | None]) -> str | None:
        for leader in (one.pid, one.group, one.session):
            if leader == life.leader:
                return life.boot
            if leader in life.others:
                return life.others[leader]
        if one.pid in self.forked:
            return _NOBODY
        above = self._owner(family[one.parent], life, family, owners) if one.parent in family else None
        if above is not None and one.parent not in life.others:
            return above
        return boot_of(one.pid) or above  # adopted, or a fork server's child


def holders(port: int) -> tuple[list[Member], bool]:
    """Who listens on a port, as far as can be seen, and whether anybody does."""
    sockets = {} if is_free(port) else listening(port)
    if not sockets:
        return [], False
    seen = (see(pid) for pid in numbers("/proc") if holds(pid, sockets, ""))
    return [Member(one) for one in seen if one is not None], True


def _inode(pid: int) -> int:
    """Of the process's folder: another process of the same number has another one."""
    try:
        return os.stat(f"/proc/{pid}").st_ino  # noqa: PTH116
    except OSError:
        return 0
