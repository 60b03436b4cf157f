"""Advice that fits what was seen: what a server's last words say of why it did not come back.

The table of invariants knows how such servers are usually mended; this knows some that say themselves what is wrong.
"""

from __future__ import annotations

import re
from dataclasses import replace

from mcp_crashtest.model.losses import POWER
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.verdict import Finding

_SPEAKING = frozenset({"recovery.loop", "recovery.deadline"})
_TABLE = (
    (
        r"address already in use|EADDRINUSE|errno (?:98|48|10048)\b|port \d+ is (?:already )?in use",
        "It finds a port taken that its last life held, or that somebody else holds: another port than the lab's, or a "
        "helper that outlived it. Open it with SO_REUSEADDR, let the helper die with its server, or take a free port.",
    ),
    (
        r"\b(?:pid|lock) ?file|\.(?:pid|lock)\b|already running|another instance|stale lock|could not (?:acquire|get) "
        r"(?:the )?lock|resource temporarily unavailable",
        "It finds a lock or pid file that its last life left behind and takes it for a living one. Use a lock that the "
        "system gives back when its holder dies (flock), or look whether the process in the file is alive.",
    ),
    (
        r"database is locked|SQLITE_BUSY",
        "The database is locked: by a transaction that nobody ends, or a process that outlived the kill. Set a "
        "busy_timeout, and let every helper die with its server.",
    ),
    (
        r"malformed|-wal\b|-shm\b|not a database|SQLITE_CORRUPT|disk image",
        "The database cannot be read. A -wal file belongs to it: do not remove, copy or rename one without the other, "
        "and let SQLite recover it when it is opened.",
    ),
    (
        r"JSONDecodeError|Unterminated string|unexpected end of|Expecting value|EOFError|UnpicklingError|truncated",
        "It cannot read a file that was being written when it was killed. Write a new file beside it, flush it, and "
        "move it over the old one; and start with what is there where one cannot be read.",
    ),
    (
        r"FileExistsError|UNIQUE constraint|already exists|IntegrityError",
        "It makes anew what its last life has left. Create what is missing only, and take up what is there.",
    ),
    (
        r"No space left|ENOSPC|Too many open files|EMFILE|MemoryError|Killed",
        "It runs out of something that its last life did not give back. Clean up what a crash leaves when you start.",
    ),
)

_UNSYNCED = frozenset(
    {
        "records.lost",
        "records.count",
        "effects.rework",
        "progress.regressed",
        "task.vanished",
        "task.resurrected",
        "task.duplicated",
        "task.cancel-forgotten",
    }
)
_SYNC = (
    "What it had told its client was with the kernel, and not on the disk yet: a crash keeps that, and a power cut "
    "does not. Have a batch synced before it is told: SQLite with PRAGMA synchronous = FULL (EXTRA without WAL); a "
    "file with fsync, and behind a rename or a creation with fsync of its folder, too."
)


def advised(history: History, finding: Finding) -> Finding:
    """The finding with advice that fits the last words of the server that it is about; as it is without any."""
    power_failed = any(o.value.get("kind") == POWER for o in history.of(Op.FAULT, types=[Type.OK]))
    if power_failed and finding.invariant in _UNSYNCED:
        return replace(finding, advice=_SYNC)
    if finding.advice is not None or finding.invariant not in _SPEAKING:
        return finding
    words = [o.value.get("last_words") for o in history.of(Op.EXIT, Op.END) if o.i in finding.operations]
    said = "\n".join(str(text) for text in words if text)
    for pattern, advice in _TABLE:
        if re.search(pattern, said, re.IGNORECASE):
            return replace(finding, advice=advice)
    return finding
