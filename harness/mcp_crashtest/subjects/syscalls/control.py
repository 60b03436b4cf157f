"""The control file that the lab shares with an engine: what is to be counted, and what was.

Its layout is that of counted.h.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcp_crashtest.model.calls import ANY, KINDS, SHORT, Call, Counted, Remark
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.wire.messages import MARKED

_MAGIC = 0x43414C31
_CAPACITY, _LONGEST_NAME, _LONGEST_PATH = 8192, 104, 1024
_HEADER = struct.Struct(f"=IIQQQQII{_LONGEST_NAME}s{_LONGEST_PATH}s{_LONGEST_PATH}s32sIiQ")
_COUNTS = struct.Struct("=IIQQQQ")
_ENTRY = struct.Struct(f"=IIQq{_LONGEST_NAME}s")
_NS = 1_000_000_000
_NEVER = (1 << 64) - 1
_STAND_STILL, _FAIL, _SHORTEN = 0, 1, 2
_ALL = sum(Remark)
MARKER = str(MARKED)[:7]
"""What stands in an answer for the job, and in nothing else that is said: the number of the request begins so."""


@dataclass(frozen=True, slots=True)
class Control:
    """One life's control file."""

    path: Path

    @property
    def writes(self) -> Path:
        """Where an engine that records appends what was written."""
        return self.path.with_name(f"writes{self.path.name.removeprefix('calls')}")

    def make(self, folder: Path, ledger: Path, before: Syscall | None) -> None:
        """Make it: what is counted lies in ``folder`` or is the ledger. Raises UsageError where a name is too long."""
        kind, name = (0, "") if before is None or before.name == ANY else _wanted(before.name)
        places = [os.fsencode(os.path.realpath(place)) for place in (folder, ledger)]
        if any(len(place) >= _LONGEST_PATH for place in places):
            raise UsageError(f"{folder} is too long a path for counting calls: choose another --report-dir")
        target = min(before.number, _NEVER) if before else 0
        header = (
            _MAGIC,
            0,
            0,
            0,
            target,
            0,
            0,
            kind,
            name.encode(errors="replace")[: _LONGEST_NAME - 1],
            *places,
            MARKER.encode(),
            *_deed(before),
        )
        with self.path.open("wb") as file:
            file.write(_HEADER.pack(*header))
            file.truncate(_HEADER.size + _CAPACITY * _ENTRY.size)

    def read(self) -> Counted:
        """What was counted up to now; nothing where a server has spoilt the file, which it may write."""
        said = self._whole()
        if len(said) < _HEADER.size + _CAPACITY * _ENTRY.size:
            return Counted(())
        _, remarks, count, _, _, reached = _COUNTS.unpack_from(said)
        told = said[_HEADER.size :][: min(count, _CAPACITY) * _ENTRY.size]
        return Counted(tuple(_calls(told)), Remark(remarks & _ALL), reached or None)

    def _whole(self) -> bytes:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return b""
        with open(descriptor, "rb") as file:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return b""
            return file.read(_HEADER.size + _CAPACITY * _ENTRY.size)


def _deed(before: Syscall | None) -> tuple[int, int, int]:
    """What becomes of the wanted call, the number of its error, and how many in a row come to the same."""
    if before is None or before.fails is None:
        return _STAND_STILL, 0, 0
    if before.fails == SHORT:
        return _SHORTEN, 0, 1
    return _FAIL, getattr(errno, before.fails), before.times


def _wanted(name: str) -> tuple[int, str]:
    kind, _, file = name.partition(" ")
    if kind not in KINDS:
        raise UsageError(f"there is no call {kind!r}; there are {', '.join((ANY, *KINDS))}")
    return KINDS.index(kind) + 1, file or kind


def _calls(told: bytes) -> Iterator[Call]:
    """The calls that were written down whole; who writes the next one down while we look is not waited for."""
    for kind, _process, at_ns, size, name in _ENTRY.iter_unpack(told):
        if not 1 <= kind <= len(KINDS):
            return
        shown = name.split(b"\0", 1)[0].decode(errors="replace")
        yield Call(KINDS[kind - 1], "".join(c if c.isprintable() else "?" for c in shown), size, at_ns / _NS)
