"""A store as a power cut leaves it: what was recorded is played on a disk that knows what is durable. Pure.

Each file has what is on the medium, and the writes that wait; a folder's names are durable or wait, too.
Two disks there are (``Disk``). Neither has a sync of one file carry another one's data, and both keep what was synced.
A sync that the records show was awaited; what was written by nobody whom the records know is not followed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import dirname
from typing import TypeVar

from mcp_crashtest.model.losses import Data, Disk, Loss, Names, Sabotage
from mcp_crashtest.model.written import Event, Record, since

SECTOR = 512
FOLDER = 0
"""What stands for the number of a folder; files are numbered from 1, as they come."""
T = TypeVar("T")
Tree = Mapping[str, bytes | None]
"""Names, relative to the store, and what they hold; None for a folder. Hard links are names of equal content."""


@dataclass(slots=True)
class _File:
    durable: bytes = b""
    pending: list[int] = field(default_factory=list)  # places in the records


@dataclass(slots=True)
class Pending:
    """A disk at the moment of a cut: what is durable, and what waits, in order."""

    disk: Disk
    records: Sequence[Record]
    files: dict[int, _File]
    names: dict[str, int]  # durable
    changes: list[tuple[Record, int]]  # of names, with the file that they give a name to
    now: dict[str, int]  # names as they are seen
    known: dict[int, int] = field(default_factory=dict)  # files by their inodes, which are used again: ours are not
    count: int = 0

    @property
    def writes(self) -> list[int]:
        """The places of the writes that wait and have a name to be found by, in order."""
        named = set(self.now.values()) | set(self.names.values())
        return sorted(place for inode, file in self.files.items() if inode in named for place in file.pending)


def pending(records: Sequence[Record], disk: Disk, *, deaf: Iterable[int] = ()) -> Pending:
    """What is durable and what waits behind these records. ``deaf``: the places of syncs that have done nothing."""
    ignored = frozenset(deaf)
    state = Pending(disk, records, {}, {}, [], {})
    for place, record in enumerate(records):
        if record.syncs:
            if place not in ignored:
                _sync(state, record)
        elif record.names:
            _rename(state, record)
        else:
            state.files.setdefault(_file(state, record.inode), _File()).pending.append(place)
    return state


def _file(state: Pending, inode: int) -> int:
    """Which file an inode is now."""
    if inode not in state.known:
        state.count += 1
        state.known[inode] = state.count
    return state.known[inode]


def _rename(state: Pending, record: Record) -> None:
    file = FOLDER
    if record.event is Event.CREATED:
        state.known.pop(record.inode, None)  # what had it before may be found behind a cut
        file = _file(state, record.inode)
        state.files[file] = _File()
    elif record.event is Event.RENAMED and record.name in state.now:
        file = state.now[record.name]
    elif record.event in (Event.RENAMED, Event.LINKED):
        file = _file(state, record.inode)
        state.files.setdefault(file, _File())
    state.changes.append((record, file))
    _change(state.now, record, file)


def _change(names: dict[str, int], record: Record, inode: int) -> None:
    """Change a name; what is not there cannot be moved or removed, and a file that is moved takes its new name."""
    if record.event in (Event.REMOVED, Event.FOLDER_REMOVED):
        names.pop(record.name, None)
    elif record.event is not Event.RENAMED:
        names[record.name or record.other] = inode
    else:
        moved = {name: names.pop(name) for name in [n for n in names if n.startswith(f"{record.name}/")]}
        names.pop(record.name, None)
        if record.other:
            names[record.other] = inode
            names.update({record.other + name[len(record.name) :]: one for name, one in moved.items()})


def _sync(state: Pending, record: Record) -> None:
    everything = record.event is Event.ALL_SYNCED
    if everything or record.event is Event.SYNCED:
        for number in list(state.files) if everything else [_file(state, record.inode)]:
            if (file := state.files.get(number)) is not None:
                file.durable = _stored(file.durable, (state.records[place] for place in file.pending))
                file.pending.clear()
    kept = _kept(state, record)
    for place, (change, inode) in enumerate(state.changes):
        if place in kept:
            _change(state.names, change, inode)
    state.changes = [change for place, change in enumerate(state.changes) if place not in kept]


def _kept(state: Pending, record: Record) -> set[int]:
    """The places of the changes of names that a sync makes durable, and of earlier ones of the same names."""
    if record.event is Event.ALL_SYNCED or state.disk is Disk.ORDERED:
        return set(range(len(state.changes)))
    folders, kept, names = _folders(state, record), set[int](), set[str]()
    for place in range(len(state.changes) - 1, -1, -1):
        change = state.changes[place][0]
        made = change.event is Event.FOLDER_MADE and change.name in folders
        if made or _holds(record, change) or names & {change.name, change.other}:
            kept.add(place)
            names |= {change.name, change.other} - {""}
    return kept


def _folders(state: Pending, record: Record) -> set[str]:
    """The folders that become durable with what lies in them: no file system keeps that and forgets its folder."""
    inside = [record.name] if record.event is Event.FOLDER_SYNCED else []
    if record.event is Event.SYNCED:
        inside = [dirname(name) for name, file in state.now.items() if file == _file(state, record.inode)]
    found: set[str] = set()
    for folder in inside:
        while folder and folder not in found:
            found.add(folder)
            folder = dirname(folder)
    return found


def _holds(record: Record, change: Record) -> bool:
    """Whether a synced folder is one in which a name has changed: a move between two is whole or not at all."""
    names = [name for name in (change.name, change.other) if name]
    return record.event is Event.FOLDER_SYNCED and record.name in {dirname(name) or "." for name in names}


def _stored(content: bytes, records: Iterable[Record]) -> bytes:
    found = bytearray(content)
    for record in records:
        if record.event is Event.CUT:
            found[record.at :] = bytes(max(record.at - len(found), 0))
            continue
        if len(found) < record.at:
            found.extend(bytes(record.at - len(found)))
        found[record.at : record.at + len(record.data)] = record.data
    return bytes(found)


# --- what is left


def left_by(state: Pending, loss: Loss) -> Tree:
    """The store as a cut leaves it."""
    return tree(state, *_survivors(state, loss))


def _survivors(state: Pending, loss: Loss) -> tuple[dict[int, Record], list[tuple[Record, int]]]:
    """What of all that waits reaches the medium: writes by their places, and changes of names."""
    writes = state.writes
    kept = {place: state.records[place] for place in _chosen(writes, loss.data, loss.nth)}
    if loss.data is Data.TORN and writes:
        sectors = _torn(state.records[writes[-1]])
        kept.pop(writes[-1])
        kept |= {writes[-1]: sectors} if sectors else {}
    return kept, _chosen(state.changes, loss.names, loss.name)


def _chosen(waiting: Sequence[T], how: Data | Names, number: int) -> list[T]:
    if not waiting or how.value == Data.NONE.value:
        return []
    nth = (number - 1) % len(waiting)
    match how.value:
        case Data.FIRST.value:
            return list(waiting[: nth + 1])
        case Data.WITHOUT.value:
            return [*waiting[:nth], *waiting[nth + 1 :]]
        case Data.ALONE.value:
            return [waiting[nth]]
        case _:
            return list(waiting)


def _torn(record: Record) -> Record | None:
    """The first sectors of a write, about half of it; None where it lies in one sector, which is never torn."""
    if record.event is not Event.STORED:
        return None
    border = (record.at + len(record.data) // 2) // SECTOR * SECTOR
    if border <= record.at:
        border = (record.at // SECTOR + 1) * SECTOR
    if border >= record.at + len(record.data):
        return None
    return Record(Event.STORED, record.number, record.inode, record.at, data=record.data[: border - record.at])


def tree(state: Pending, kept: Mapping[int, Record], changes: Sequence[tuple[Record, int]]) -> Tree:
    """The names that are found behind a cut, and what they hold. What lies in a folder that is gone is gone."""
    names = dict(state.names)
    for change, inode in changes:
        _change(names, change, inode)
    return {
        name: None if inode == FOLDER else _content(state, inode, kept)
        for name, inode in sorted(names.items())
        if _is_reached(name, names)
    }


def _content(state: Pending, inode: int, kept: Mapping[int, Record]) -> bytes:
    file = state.files.get(inode, _File())
    return _stored(file.durable, (kept[place] for place in file.pending if place in kept))


def _is_reached(name: str, names: Mapping[str, int]) -> bool:
    folder = dirname(name)
    return not folder or (names.get(folder) == FOLDER and _is_reached(folder, names))


def everything(records: Sequence[Record]) -> Tree:
    """The store as a living server sees it, with all that was written: what must lie on the disk now."""
    return left_by(pending(records, Disk.ORDERED), Loss(data=Data.ALL, names=Names.ALL))


# --- sabotage


def behind(records: Sequence[Record], loss: Loss) -> Tree:
    """The store behind a cut at the end of these records, or as it would be if a server had been betrayed."""
    if loss.sabotage is None:
        return left_by(pending(records, loss.disk), loss)
    began, last = since(records), last_sync(records)
    if loss.sabotage is Sabotage.DROPPED_SYNC:
        return left_by(pending(records, Disk.ORDERED, deaf=range(began, len(records))), Loss())
    if last is None:
        return left_by(pending(records, Disk.ORDERED), Loss())
    if loss.sabotage is Sabotage.EARLY_ANSWER:
        return left_by(pending(records, Disk.ORDERED, deaf=range(last, len(records))), Loss())
    torn, written = list(records), [n for n in range(began, last) if records[n].event is Event.STORED]
    if written:
        torn[written[-1]] = _half(records[written[-1]])
    return left_by(pending(torn, Disk.ORDERED), Loss(names=Names.ALL))


def _half(record: Record) -> Record:
    """A write of which the first sectors are there, and in place of the rest zeros; of a small one its first half."""
    kept = _torn(record)
    length = len(kept.data) if kept else len(record.data) // 2
    zeros = bytes(len(record.data) - length)
    return Record(Event.STORED, record.number, record.inode, record.at, data=record.data[:length] + zeros)


def last_sync(records: Sequence[Record]) -> int | None:
    """The place of the last sync of a life that has made something durable; None for none."""
    began = since(records)
    for place in range(len(records) - 1, began - 1, -1):
        if records[place].syncs:
            before, after = (pending(records[:end], Disk.ORDERED) for end in (place, place + 1))
            if (before.writes, len(before.changes)) != (after.writes, len(after.changes)):
                return place
    return None


# --- all states


def losses(state: Pending, most: int) -> Iterator[Loss]:
    """Every loss that leaves something of its own, of each kind so many at most, spread over all that waits."""
    disk, writes, changes = state.disk, len(state.writes), len(state.changes)
    yield Loss(disk)
    if not writes and not changes:
        return
    yield Loss(disk, names=Names.ALL)
    yield Loss(disk, Data.ALL)
    if writes:
        yield Loss(disk, Data.TORN, names=Names.ALL)
    for how in (Data.FIRST, Data.WITHOUT, Data.ALONE):
        yield from (Loss(disk, how, nth, Names.ALL) for nth in _some(writes, most))
    one_by_one = Names.FIRST if disk is Disk.ORDERED else Names.WITHOUT
    yield from (Loss(disk, Data.ALL, names=one_by_one, name=nth) for nth in _some(changes, most))


def _some(number: int, most: int) -> list[int]:
    """So many of the numbers from 1 on, spread over all, the last among them."""
    if number <= most:
        return list(range(1, number + 1))
    return [number - (number - 1) * place // (most - 1) for place in range(most)]


def digest(found: Tree) -> str:
    """What tells one store from another."""
    seen = hashlib.sha256()
    for name, content in sorted(found.items()):
        what = "folder" if content is None else hashlib.sha256(content).hexdigest()
        seen.update(f"{name!r} {what}\n".encode())
    return seen.hexdigest()


def changed(one: Tree, other: Tree) -> list[str]:
    """The names that are in one store alone, or hold something else in it."""
    return sorted(n for n in {*one, *other} if n not in one or n not in other or one[n] != other[n])
