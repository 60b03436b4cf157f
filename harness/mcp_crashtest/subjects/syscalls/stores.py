"""The folder of a server's state, as an engine that records follows it: before a life, and behind a power cut.

What was recorded must explain what lies there: where it does not, somebody has written who was not seen, and what a
power cut would have left of that nobody knows. SQLite's index in shared memory (-shm) is no part of a store, nor are
sockets, pipes and symbolic links.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from mcp_crashtest.model.calls import ANSWER, Call
from mcp_crashtest.model.disks import Tree, behind, changed, everything
from mcp_crashtest.model.losses import Loss
from mcp_crashtest.model.written import Event, Record, records_in, to_bytes
from mcp_crashtest.subjects.syscalls.control import Control

_IGNORED = "-shm"
_MOST_BYTES = 64 << 20
_NAMED, _LATEST = 3, 16


class NotFollowed(Exception):
    """Why nobody knows what a power cut would leave."""


def begin(writes: Path, folder: Path) -> None:
    """Note what lies there before a life. What is too much to be noted will not be explained later."""
    left, known = _MOST_BYTES, set[int]()
    with writes.open("wb") as file:
        for name, path, seen in _files(folder):
            if stat.S_ISDIR(seen.st_mode):
                file.write(to_bytes(Record(Event.FOLDER_MADE, name=name)))
                continue
            what = Event.LINKED if seen.st_ino in known else Event.CREATED
            file.write(to_bytes(Record(what, inode=seen.st_ino, name=name)))
            left -= seen.st_size
            if what is Event.CREATED and seen.st_size and left >= 0:
                file.write(to_bytes(Record(Event.STORED, inode=seen.st_ino, data=path.read_bytes())))
            known.add(seen.st_ino)
        file.write(to_bytes(Record(Event.ALL_SYNCED)))


def recorded(writes: Path) -> list[Record]:
    """What was recorded of a life; nothing where a server has spoilt the file, which it may write."""
    with suppress(OSError):
        if writes.is_file() and not writes.is_symlink():
            return list(records_in(writes.read_bytes()))
    return []


def differing(records: Sequence[Record], folder: Path, calls: Sequence[Call] = ()) -> list[str]:
    """The names of what lies there now, of a server that is dead, and is not what was recorded.

    ``calls`` are those that were counted: what was under way when it died may have happened, or the half of it.
    """
    known = {record.number for record in records}
    latest = list(enumerate(calls, start=1))[-_LATEST:]
    under_way = [call.file for number, call in latest if number not in known and call.kind != ANSWER]
    names = changed(_tree(folder), everything(records))
    return [name for name in names if not any(_is_called(name, file) for file in under_way)]


def _is_called(name: str, called: str) -> bool:
    """Whether a file has this name, in which * stands for what is another in each run."""
    return re.fullmatch(re.escape(called).replace(r"\*", ".+"), name) is not None


def unexplained(names: list[str]) -> str:
    """What is said of such names."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        f"power loss cannot be followed: what lies in {', '.join(names[:_NAMED])}{more} is not what was seen to be "
        f"written (by a static program, into mapped memory, in a ring (io_uring), through the C library's own buffers, "
        f"or by somebody else)"
    )


def cut(control: Control, folder: Path, loss: Loss) -> str:
    """Have the power fail: put in the folder what is left. In words, what was lost. Raises NotFollowed."""
    records = recorded(control.writes)
    if not records:
        raise NotFollowed("power loss cannot be followed: nothing was recorded")
    if names := differing(records, folder, control.read().calls):
        raise NotFollowed(unexplained(names))
    before, after = everything(records), behind(records, loss)
    _lay(folder, after)
    other = [name if name in after else f"{name} (gone)" for name in changed(before, after)]
    return f"the power failed: {loss}; changed: {', '.join(other[:_NAMED]) or 'nothing'}"


def _files(folder: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Every folder and regular file, a folder before what lies in it."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted([*folders, *names]):
            path = Path(place, name)
            with suppress(OSError):
                seen = path.lstat()
                if stat.S_ISDIR(seen.st_mode) or (stat.S_ISREG(seen.st_mode) and not name.endswith(_IGNORED)):
                    yield str(path.relative_to(folder)), path, seen


def _tree(folder: Path) -> Tree:
    return {name: None if stat.S_ISDIR(seen.st_mode) else path.read_bytes() for name, path, seen in _files(folder)}


def _lay(folder: Path, tree: Tree) -> None:
    """Have exactly this lie in the folder. What is no file stays as it is, and what does not change is not touched.

    One that is changed stays the same file, of the same time: a power cut makes no new ones.
    """
    for place, folders, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(place, name)
            if stat.S_ISREG(path.lstat().st_mode) and str(path.relative_to(folder)) not in tree:
                path.unlink()
        for name in folders:
            path = Path(place, name)
            if not path.is_symlink() and str(path.relative_to(folder)) not in tree:
                with suppress(OSError):  # something is in it that is no file
                    path.rmdir()
    for name, content in tree.items():  # a folder stands before what lies in it
        if content is None:
            (folder / name).mkdir(exist_ok=True)
        else:
            _put(folder / name, content)


def _put(path: Path, content: bytes) -> None:
    if not path.exists():
        path.write_bytes(content)
    elif path.read_bytes() != content:
        seen = path.stat()
        if seen.st_nlink > 1:  # its other names may hold something else
            path.unlink()
        path.write_bytes(content)
        path.chmod(stat.S_IMODE(seen.st_mode))
        os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
