"""What a server has written, word for word: the records of an engine, and how they are read.

A record is one event on a file of the store, in the order in which it happened. Files are known by their inodes, as
descriptors are all that most calls have; names come and go. The layout is that of written.h. The records of a life
begin with what lay there before it, made durable by the first ALL_SYNCED. Pure.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

_HEAD = struct.Struct("=IIIIQq")


class Event(StrEnum):
    """What happened."""

    STORED = "W"  # data, from ``at`` on
    CUT = "T"  # the file is ``at`` bytes long now: shortened, or lengthened by zeros
    SYNCED = "F"
    FOLDER_SYNCED = "D"
    ALL_SYNCED = "S"
    CREATED = "C"
    FOLDER_MADE = "M"
    RENAMED = "R"  # from name to other; an empty one lies outside the store
    LINKED = "H"
    REMOVED = "U"
    FOLDER_REMOVED = "V"


TOLD: dict[str, str] = {
    Event.STORED: "write",
    Event.CUT: "truncate",
    Event.SYNCED: "fsync",
    Event.FOLDER_SYNCED: "fsync of a folder",
    Event.ALL_SYNCED: "sync",
    Event.CREATED: "create",
    Event.FOLDER_MADE: "mkdir",
    Event.RENAMED: "rename",
    Event.LINKED: "link",
    Event.REMOVED: "unlink",
    Event.FOLDER_REMOVED: "rmdir",
}
_SYNCS = frozenset({Event.SYNCED, Event.FOLDER_SYNCED, Event.ALL_SYNCED})
_NAMES = frozenset({Event.CREATED, Event.FOLDER_MADE, Event.RENAMED, Event.LINKED, Event.REMOVED, Event.FOLDER_REMOVED})


@dataclass(frozen=True, slots=True)
class Record:
    """One event. ``number`` is that of the counted call, from 1, among all of its life; 0 for what is not counted."""

    event: Event
    number: int = 0
    inode: int = 0
    at: int = 0
    name: str = ""
    other: str = ""
    data: bytes = b""

    @property
    def syncs(self) -> bool:
        """Whether it makes something durable."""
        return self.event in _SYNCS

    @property
    def names(self) -> bool:
        """Whether a name comes, goes or changes."""
        return self.event in _NAMES

    def to_line(self) -> str:
        """As a line of JSON that a person can read, without the newline; data by its size alone."""
        told = {"what": TOLD[self.event], "call": self.number, "inode": self.inode, "name": self.name}
        where = {"at": self.at, "size": len(self.data)} if self.event in (Event.STORED, Event.CUT) else {}
        return json.dumps({**told, **({"to": self.other} if self.event is Event.RENAMED else {}), **where})


def records_in(said: bytes) -> Iterator[Record]:
    """The records in a file, up to the first that is torn or is none: a server may have spoilt it."""
    place = 0
    while place + _HEAD.size <= len(said):
        event, number, first, second, inode, at = _HEAD.unpack_from(said, place)
        place += _HEAD.size
        if chr(event & 127) not in TOLD or event > 127 or place + first + second > len(said) or at < 0:
            return
        one, other = said[place : place + first], said[place + first : place + first + second]
        place += first + second
        what = Event(chr(event))
        if what is Event.STORED:
            yield Record(what, number, inode, at, data=one)
        else:
            yield Record(what, number, inode, at, _name(one), _name(other))


def to_bytes(record: Record) -> bytes:
    """Encode."""
    first, second = record.data or _bytes(record.name), _bytes(record.other)
    head = _HEAD.pack(ord(record.event), record.number, len(first), len(second), record.inode, record.at)
    return head + first + second


def _bytes(name: str) -> bytes:
    return name.encode(errors="surrogateescape")


def _name(said: bytes) -> str:
    return said.decode(errors="surrogateescape")


def since(records: Sequence[Record]) -> int:
    """The place at which a life begins: behind the sync of what lay there before it."""
    return next((place + 1 for place, one in enumerate(records) if one.event is Event.ALL_SYNCED), 0)


def before_call(records: Sequence[Record], number: int) -> int:
    """How many records there are before the call with this number: those of earlier ones, and what is not counted."""
    return next((index for index, record in enumerate(records) if record.number >= number), len(records))
