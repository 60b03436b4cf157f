"""Whether SQLite has dropped something from a write-ahead log that was committed.

What is bent in the log is dropped by SQLite, and all behind it, as if it had never been. It looks like the end of a log
that a loss of power has cut; but each transaction is flushed before the next one is written, so behind a cut there are
parts of one at most. Format: https://www.sqlite.org/walformat.html
"""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_TRIES = 20
_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24
_SHARED = slice(0, 48)
_GOOD_AT, _SALTS_AT = slice(16, 20), slice(32, 40)
_MAGICS = {0x377F0682: "<", 0x377F0683: ">"}
_MOST_BENT_BITS = 4  # salts of another log differ in about half of their 64 bits


class Frame(NamedTuple):
    """A frame of this log, and not of one that it has overwritten; ``ends``: with it a transaction ends."""

    number: int
    ends: bool


def fault(store: Path) -> str | None:
    """What is wrong with the log of a store; None when it ends as logs do.

    Somebody must have the store open, and have read: then the memory that they share says how far SQLite takes it.
    """
    path = Path(f"{store}-wal")
    for _ in range(_TRIES):  # another process may begin the log anew just now
        content = path.read_bytes() if path.exists() else b""
        header = content[:_HEADER_BYTES]
        if len(header) < _HEADER_BYTES or not any(header):
            return None
        if not _is_whole(header):
            return "the header of its write-ahead log is bent"
        shared = Path(f"{store}-shm").read_bytes()[_SHARED]
        if shared[_SALTS_AT] == header[16:24]:
            break
        time.sleep(0.001)  # between two looks at what another process writes
    else:
        return None
    good = int.from_bytes(shared[_GOOD_AT], sys.byteorder)
    behind = [frame for frame in _frames(content) if frame.number > good]
    return f"its write-ahead log is bent in frame {good + 1}" if any(frame.ends for frame in behind[:-1]) else None


def _is_whole(header: bytes) -> bool:
    """Whether a log's header has its checksum."""
    order = _MAGICS.get(int.from_bytes(header[:4], "big"))
    if order is None:
        return False
    first = second = 0
    for one, other in struct.iter_unpack(f"{order}2I", header[:24]):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return struct.pack(">2I", first, second) == header[24:]


def _frames(content: bytes) -> Iterator[Frame]:
    page_bytes, salts = int.from_bytes(content[8:12], "big"), int.from_bytes(content[16:24], "big")
    size = _FRAME_HEADER_BYTES + page_bytes
    for number, at in enumerate(range(_HEADER_BYTES, len(content) - size + 1, size), 1):
        if (int.from_bytes(content[at + 8 : at + 16], "big") ^ salts).bit_count() <= _MOST_BENT_BITS:
            yield Frame(number, any(content[at + 4 : at + 8]))
