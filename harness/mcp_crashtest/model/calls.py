"""System calls that a server is seen to make: those on its store and on its ledger, and those that answer for its job.

A call has a kind and the name of a file; what is another name in each run (process ids, temporary files) is ``*``. Two
runs are alike where they make calls of the same kind and name in the same order, whatever their sizes; an answer, which
another thread may send a little earlier or later, is counted apart. Pure: counting is the business of engines.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag, StrEnum
from typing import Any

from mcp_crashtest.model.errors import UsageError

ANY = "call"
"""The name of a coordinate that counts all calls on files."""
ANSWER = "answer"
SHORT = "short"
"""How a call fails that writes a part of what it was given, and says so."""
ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EINTR", SHORT)
"""With what a call can be made to fail."""
KINDS = (
    "write",
    "pwrite",
    "writev",
    "pwritev",
    "fsync",
    "fdatasync",
    "rename",
    "unlink",
    "ftruncate",
    "link",
    "copy",
    ANSWER,
)
"""The kinds of calls, in the order in which engines number them, from 1."""
_WRITES = frozenset({"write", "pwrite", "writev", "pwritev", "copy"})
_TOLD = {"rename": "rename to", "copy": "copy", **dict.fromkeys(("write", "pwrite", "writev", "pwritev"), "write")}


class Engine(StrEnum):
    """How calls are counted: in the program itself, or by the kernel's notice to a watcher."""

    PRELOAD = "preload"
    WATCH = "watch"
    RECORD = "record"  # as preload, and what is written is kept, word for word


class Remark(IntFlag):
    """What an engine has seen beside calls."""

    NONE = 0
    MAPPED = 1  # a file of the store is mapped and can be written so
    URING = 2  # calls are handed to the kernel in a ring
    UNREADABLE = 4  # the watcher may not read the memory of whom it watches
    OVERFLOWN = 8  # more calls than there is room for
    ATTACHED = 16  # somebody counted at all


@dataclass(frozen=True, slots=True)
class Call:
    """One call. ``size`` in bytes where it writes; ``at_s`` on the monotonic clock."""

    kind: str
    file: str
    size: int = 0
    at_s: float = 0.0

    @property
    def name(self) -> str:
        """Its kind and its file: what a coordinate counts."""
        return self.kind if self.kind == ANSWER else f"{self.kind} {self.file}"

    def __str__(self) -> str:
        """As a person says it."""
        if self.kind == ANSWER:
            return "the job's answer"
        file = self.file.rpartition("/")[2]
        if self.kind in _WRITES:
            return f"the {_TOLD[self.kind]} of {self.size:,} bytes to {file}"
        return f"the {_TOLD.get(self.kind, f'{self.kind} of')} {file}"

    def to_line(self) -> str:
        """Encode as a line of JSON, without the newline."""
        return json.dumps({"call": self.kind, "file": self.file, "size": self.size, "at_s": self.at_s})

    @classmethod
    def from_line(cls, line: str) -> Call:
        """Decode; raises UsageError."""
        try:
            data = json.loads(line)
            return cls(str(data["call"]), str(data["file"]), int(data["size"]), float(data["at_s"]))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"this is no call: {line[:200]!r}") from error


@dataclass(frozen=True, slots=True)
class Counted:
    """The calls of one life, and what was seen beside. ``reached`` is the number of that before which it stands."""

    calls: tuple[Call, ...]
    remarks: Remark = Remark.NONE
    reached: int | None = None


def names(calls: Sequence[Call]) -> list[str]:
    """The names of calls, in order."""
    return [call.name for call in calls]


def on_files(calls: Sequence[Call]) -> list[Call]:
    """Those that are no answers."""
    return [call for call in calls if call.kind != ANSWER]


def alike(sequences: Sequence[Sequence[Call]]) -> bool:
    """Whether they are the same calls on files in the same order."""
    return len({tuple(names(on_files(calls))) for calls in sequences}) <= 1


def missed(fewer: Sequence[Call], more: Sequence[Call]) -> Mapping[str, int]:
    """How many calls of each name one engine has not seen of those that another has."""
    return Counter(names(more)) - Counter(names(fewer))


def told(calls: Sequence[Call], index: int, batches: Sequence[int]) -> str:
    """What a call is: what it follows, and in which batch. ``batches`` are those of all calls, 0 before the first."""
    call, before = calls[index], calls[index - 1] if index else None
    follows = f" that follows {before}" if before is not None else ", its first"
    number = batches[index] if index < len(batches) else 0
    return f"{call}{follows}{f', in batch {number}' if number else ''}"


def to_json(counted: Counted) -> dict[str, Any]:
    """What is said of a life's calls in a history."""
    return {"calls": len(counted.calls), "remarks": counted.remarks.value}
