"""What a power cut leaves of what was written and not synced, in words and in numbers. Pure.

A cut falls on a disk that has some writes pending: they were made, and nobody has waited for them. Which of them reach
the medium is not for the server to say. A loss says which do. Numbers count what is pending, from 1; where there is
less, they begin anew.

Sabotage is no loss that a disk allows: it takes away what the server was promised, and shows whether anybody notices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

POWER = "power-loss"
"""The kind of this fault."""


class Disk(StrEnum):
    """What a file system promises beside what was asked of it."""

    ORDERED = "ordered"  # names become durable in their order, and all of them with any sync: as ext4 does
    STRICT = "strict"  # a name is durable when its folder was synced, and no name waits for another: what POSIX says


class Data(StrEnum):
    """Which pending writes reach the medium."""

    NONE = "none"
    ALL = "all"
    FIRST = "first"
    WITHOUT = "without"
    ALONE = "alone"
    TORN = "torn"  # all, and of the last one its first sectors


class Names(StrEnum):
    """Which pending changes of names reach it."""

    NONE = "none"
    ALL = "all"
    FIRST = "first"
    WITHOUT = "without"


class Sabotage(StrEnum):
    """What is done to a server that nothing may excuse."""

    DROPPED_SYNC = "dropped fsync"  # no sync of its life has done anything
    EARLY_ANSWER = "answer before the sync"  # the last sync that made something durable had not come yet
    TORN_WRITE = "torn write"  # the last write before that sync holds half of what was written


@dataclass(frozen=True, slots=True)
class Loss:
    """What a power cut leaves: ``nth`` and ``name`` are the numbers that FIRST, WITHOUT and ALONE take."""

    disk: Disk = Disk.ORDERED
    data: Data = Data.NONE
    nth: int = 0
    names: Names = Names.NONE
    name: int = 0
    sabotage: Sabotage | None = None

    def to_settings(self) -> dict[str, float]:
        """As the settings of a fault, which are numbers."""
        told = {
            "disk": list(Disk).index(self.disk),
            "data": list(Data).index(self.data),
            "nth": self.nth,
            "names": list(Names).index(self.names),
            "name": self.name,
            "sabotage": 0 if self.sabotage is None else list(Sabotage).index(self.sabotage) + 1,
        }
        return {key: float(value) for key, value in told.items() if value}

    @classmethod
    def from_settings(cls, settings: Mapping[str, float]) -> Loss:
        """Decode; raises ValueError for numbers that mean nothing."""
        try:
            said = {name: int(settings.get(name, 0)) for name in ("disk", "data", "nth", "names", "name", "sabotage")}
        except OverflowError:
            raise ValueError(f"{dict(settings)} says no loss") from None
        if min(said.values()) < 0 or set(settings) - set(said):
            raise ValueError(f"{dict(settings)} says no loss")
        try:
            sabotage = list(Sabotage)[said["sabotage"] - 1] if said["sabotage"] else None
            disk, data, names = list(Disk)[said["disk"]], list(Data)[said["data"]], list(Names)[said["names"]]
        except IndexError:
            raise ValueError(f"{dict(settings)} says no loss") from None
        return cls(disk, data, said["nth"], names, said["name"], sabotage)

    @property
    def kind(self) -> str:
        """Which of all losses it is, but for its numbers."""
        return self.sabotage or f"{self.disk}, data {self.data}, names {self.names}"

    def __str__(self) -> str:
        """As a person says it."""
        if self.sabotage is not None:
            return _SABOTAGE[self.sabotage]
        data, names = _DATA[self.data].format(n=self.nth), _NAMES[self.names].format(n=self.name)
        return f"{data}{names} ({_DISKS[self.disk]})"


_SABOTAGE = {
    Sabotage.DROPPED_SYNC: "sabotage: as if no fsync had done anything",
    Sabotage.EARLY_ANSWER: "sabotage: as if its last fsync had not come yet",
    Sabotage.TORN_WRITE: "sabotage: the last write before its last fsync torn",
}
_DATA = {
    Data.NONE: "nothing left that was not synced",
    Data.ALL: "all data left that was not synced",
    Data.FIRST: "of what was not synced the first {n} writes left",
    Data.WITHOUT: "of what was not synced write {n} missing",
    Data.ALONE: "of what was not synced write {n} alone left",
    Data.TORN: "of what was not synced the last write torn",
}
_NAMES = {
    Names.NONE: ", no new name",
    Names.ALL: "",
    Names.FIRST: ", of the new names the first {n}",
    Names.WITHOUT: ", of the new names the {n}. missing",
}
_DISKS = {
    Disk.ORDERED: "a disk that keeps names in order",
    Disk.STRICT: "a disk that promises what POSIX does",
}
