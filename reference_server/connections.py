"""Who is connected, and how many may be: a table with bounds, in which silence gives way to speech.

A connection that has not sent a whole request yet is owed nothing: when the table is full, or its peer's part of it,
the oldest such one is closed for the newcomer. So those who connect and keep silent lock nobody out, also not those
who share their address, as all do on loopback or behind a proxy: who connects to speak speaks at once, and is young.
What was asked for is never cut for another: a stream or a waiting call may last for days.
"""

from __future__ import annotations

import ipaddress
import resource
from collections import Counter
from enum import IntEnum, auto
from typing import Protocol

_RESERVED_DESCRIPTORS = 96  # for the store, files of tasks, and sockets that are just being closed
_FEWEST = 16


class Phase(IntEnum):
    """What a connection is at; those with lower numbers give way first."""

    HEAD = auto()  # waits for a request's head
    BODY = auto()  # waits for the rest of a request
    STALLED = auto()  # its peer does not read what it asked for
    SERVED = auto()  # has sent a whole request, and is owed an answer


class Connection(Protocol):
    """An entry of the table."""

    @property
    def peer(self) -> str:
        """Who is at its other end."""

    def give_way(self) -> None:
        """Close: the place is another's."""


class Table:
    """All connections of a server: at most ``most`` in all, and ``most_of_peer`` of one peer."""

    def __init__(self, most: int, most_of_peer: int) -> None:
        self.most = most
        self.most_of_peer = min(most_of_peer, most)
        self._phases: dict[Connection, Phase] = {}
        self._in_phase: dict[Phase, dict[Connection, None]] = {phase: {} for phase in Phase}
        self._peers: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._phases)

    def of_peer(self, peer: str) -> int:
        """How many connections a peer has."""
        return self._peers[peer]

    def enter(self, connection: Connection) -> bool:
        """Take a connection up, if need be in the place of another; False when whole requests have all places."""
        peer = connection.peer
        if self._peers[peer] >= self.most_of_peer:
            made = self.make_room(peer)
        else:
            made = len(self) < self.most or self.make_room()
        if made:
            self._peers[peer] += 1
            self._put(connection, Phase.HEAD)
        return made

    def make_room(self, peer: str | None = None) -> bool:
        """Close the one, of this peer or of all, that has kept a place for the longest without a whole request."""
        for phase in (Phase.HEAD, Phase.BODY, Phase.STALLED):
            for connection in self._in_phase[phase]:
                if peer is None or connection.peer == peer:
                    self.leave(connection)
                    connection.give_way()
                    return True
        return False

    def turn(self, connection: Connection, phase: Phase) -> None:
        """A connection in the table is at something else now."""
        before = self._phases.get(connection)
        if before is not None and before is not phase:
            del self._in_phase[before][connection]
            self._put(connection, phase)

    def leave(self, connection: Connection) -> None:
        """The connection is closed; it may have left before."""
        phase = self._phases.pop(connection, None)
        if phase is None:
            return
        del self._in_phase[phase][connection]
        self._peers[connection.peer] -= 1
        if not self._peers[connection.peer]:
            del self._peers[connection.peer]

    def _put(self, connection: Connection, phase: Phase) -> None:
        self._phases[connection] = phase
        self._in_phase[phase][connection] = None


def peer_of(address: object) -> str:
    """Whom an address stands for: an IPv4 address itself, and for IPv6 its network, of which each host has them all."""
    if not isinstance(address, tuple) or not address:
        return ""
    try:
        found = ipaddress.ip_address(str(address[0]).partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


def within_descriptors(wanted: int) -> int:
    """So many connections, or as many as the limit of open files allows, which is raised as far as it needs and may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _RESERVED_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(_FEWEST, soft - _RESERVED_DESCRIPTORS))
