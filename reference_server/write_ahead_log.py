"""Whether SQLite has dropped something from a write-ahead log that was committed.

What is bent in the log is dropped by SQLite, and all behind it, as if it had never been. It looks like the end of a log
that a loss of power has cut; but each transaction is flushed before the next one is written, so behind a cut there are
parts of one at most. Format: https://www.sqlite.org/walformat.html
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_TRIES = 20
_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24
_SHARED = slice(0, 48)
_LOG_SALTS_AT = slice(16, 24)
_GOOD_AT, _SALTS_AT = slice(16, 20), slice(32, 40)
_MAGICS = {0x377F0682: "<", 0x377F0683: ">"}
_MOST_BENT_BITS = 4  # salts of another log differ in about half of their 64 bits


def fault(store: Path) -> str | None:
    """What is wrong with the log of a store; None when it ends as logs do.

    Somebody must have the store open, and have read: then the memory that they share says how far SQLite takes it.
    """
    path = Path(f"{store}-wal")
    if not path.exists() or path.stat().st_size < _HEADER_BYTES:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as log:
        for _ in range(_TRIES):  # another process may begin the log anew just now
            header = log[:_HEADER_BYTES]
            if any(header) and not _is_whole(header):
                return "the header of its write-ahead log is bent"
            shared = Path(f"{store}-shm").read_bytes()[_SHARED]
            if shared[_SALTS_AT] == header[_LOG_SALTS_AT]:
                good = int.from_bytes(shared[_GOOD_AT], sys.byteorder)
                ends = list(_behind(log, good))
                return f"its write-ahead log is bent in frame {good + 1}" if any(ends[:-1]) else None
            time.sleep(0.001)  # between two looks at what another process writes
    return None


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


def _behind(log: mmap.mmap, good: int) -> Iterator[bool]:
    """Of each frame of this log behind the good ones, and not of one that it has overwritten: if a transaction ends."""
    page_bytes, salts = int.from_bytes(log[8:12], "big"), int.from_bytes(log[_LOG_SALTS_AT], "big")
    size = _FRAME_HEADER_BYTES + page_bytes
    for at in range(_HEADER_BYTES + good * size, len(log) - size + 1, size):
        if (int.from_bytes(log[at + 8 : at + 16], "big") ^ salts).bit_count() <= _MOST_BENT_BITS:
            yield any(log[at + 4 : at + 8])
