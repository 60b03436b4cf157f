"""Whether SQLite has dropped something from a write-ahead log that was committed.

What is bent in the log is dropped by SQLite, and all behind it, as if it had never been. It looks like the end of a log
that a kill or a loss of power has cut: behind such a cut lie parts of one transaction, or of several, where the next
life has written over the first of them and was cut in its turn. But each transaction is flushed before the next one
is written, and its sum goes into that of the next frame: where one follows another so, it was committed.
Format: https://www.sqlite.org/walformat.html
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
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
                return f"its write-ahead log is bent in frame {good + 1}" if _is_followed(log, good) else None
            time.sleep(0.001)  # between two looks at what another process writes
    return None


def _is_whole(header: bytes) -> bool:
    """Whether a log's header has its checksum."""
    order = _MAGICS.get(int.from_bytes(header[:4], "big"))
    return order is not None and _sum(header[:24], bytes(8), order) == header[24:]


def _is_followed(log: mmap.mmap, good: int) -> bool:
    """Whether behind the good frames a transaction ends, and the frame behind that goes on from its sum.

    That sum is the one that stands there, or, where it is bent itself, the one that should.
    """
    page_bytes, order = int.from_bytes(log[8:12], "big"), _MAGICS[int.from_bytes(log[:4], "big")]
    size = _FRAME_HEADER_BYTES + page_bytes
    for at in range(_HEADER_BYTES + good * size, len(log) - 2 * size + 1, size):
        if any(log[at + 4 : at + 8]) and _is_of(log, at) and _is_of(log, at + size):
            before = log[24:32] if at == _HEADER_BYTES else log[at - size + 16 : at - size + 24]
            should, following = _sum_of_frame(log[at : at + size], before, order), log[at + size : at + 2 * size]
            if any(
                _sum_of_frame(following, one, order) == following[16:24] for one in (log[at + 16 : at + 24], should)
            ):
                return True
    return False


def _is_of(log: mmap.mmap, at: int) -> bool:
    """Whether a frame is of this log, and not of one that it has overwritten."""
    salts = int.from_bytes(log[_LOG_SALTS_AT], "big")
    return (int.from_bytes(log[at + 8 : at + 16], "big") ^ salts).bit_count() <= _MOST_BENT_BITS


def _sum_of_frame(frame: bytes, before: bytes, order: str) -> bytes:
    """The checksum that a frame has behind one with another sum."""
    return _sum(frame[_FRAME_HEADER_BYTES:], _sum(frame[:8], before, order), order)


def _sum(data: bytes, before: bytes, order: str) -> bytes:
    """SQLite's checksum of some words, going on from the one before."""
    first, second = struct.unpack(">2I", before)
    for one, other in struct.iter_unpack(f"{order}2I", data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return struct.pack(">2I", first, second)
