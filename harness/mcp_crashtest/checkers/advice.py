"""Advice that fits what was seen: a server's last words, the error of a job that did not resume, who was harmed.

The table of invariants knows how such servers are usually mended; this knows some that say themselves what is wrong,
and that a batch is written twice for one reason when the server died, and for another when only its client went.
"""

from __future__ import annotations

import re
from dataclasses import replace

from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.faults import FAIL, KINDS, OPERATION, OVERLAP, REPLACE, TWINS, Victim
from mcp_crashtest.model.losses import POWER
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.verdict import Finding

_SPEAKING = frozenset({"recovery.loop", "recovery.deadline"})
_TORN = (
    "It cannot read a file that was being written when it was killed. Write a new file beside it, flush it, and move "
    "it over the old one; and start with what is there where one cannot be read."
)
_TAKEN = "It makes anew what its last life has left. Create what is missing only, and take up what is there."
_LOCKED = (
    "The database is locked: by a transaction that nobody ends, or a process that outlived the kill. Set a "
    "busy_timeout, and let every helper die with its server."
)
_CORRUPT = (
    "The database cannot be read. A -wal file belongs to it: do not remove, copy or rename one without the other, and "
    "let SQLite recover it when it is opened."
)
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
    (r"database is locked|SQLITE_BUSY", _LOCKED),
    (r"malformed|-wal\b|-shm\b|not a database|SQLITE_CORRUPT|disk image", _CORRUPT),
    (
        r"JSONDecodeError|Unterminated string|unexpected end of|Expecting value|EOFError|UnpicklingError|truncated",
        _TORN,
    ),
    (r"FileExistsError|UNIQUE constraint|already exists|IntegrityError", _TAKEN),
    (
        r"No space left|ENOSPC|Too many open files|EMFILE|MemoryError|Killed",
        "It runs out of something that its last life did not give back. Clean up what a crash leaves when you start.",
    ),
)
# What the error of a job says is meant for its client: only words that can be of nothing else.
_OF_JOBS = (
    (r"database is locked|SQLITE_BUSY", _LOCKED),
    (r"disk image is malformed|file is not a database|SQLITE_CORRUPT|SQLITE_NOTADB", _CORRUPT),
    (
        r"JSONDecodeError|Expecting value: line|Expecting property name|Unterminated string|Extra data: line|"
        r"unexpected end of (?:JSON|file|input)|is not valid JSON|EOFError|Ran out of input|UnpicklingError",
        _TORN,
    ),
    (r"FileExistsError|UNIQUE constraint|duplicate key value", _TAKEN),
)
NO_KEEPER = (
    "What says that somebody is at work outlives whoever has said so. Take such a lock, flag or row for a time that is "
    "renewed, or tie it to the process; and at start take away what names a job that has ended."
)
NOT_RESUMED = (
    "It ends a job that was disturbed instead of going on with it; the error says why. At start, find every unfinished "
    "task and go on behind its last batch; or claim resumes = false."
)

_SERVER_DIED = (
    "A batch was written, its checkpoint was not yet when the server died, and the batch was appended again. Commit "
    "both in one transaction, or key records so that a second write replaces the first."
)
_SERVER_STOPPED = (
    "The server was told to stop in the middle of a batch, and did that batch again in its next life. Never move the "
    "step backwards on the way out: finish the batch, or leave it whole to the next life. Commit a batch and its "
    "checkpoint in one transaction, or key records so that a second write replaces the first."
)
_CLIENT_WENT = (
    "Only a client went away, and the server lived on. Its call may have worked on beside the next one: let that join "
    "the work that is under way, or end it first. And never move the step backwards in an error path: that a client "
    "went away is no reason to undo a batch. Commit a batch and its checkpoint in one transaction, and key records so "
    "that a second write replaces the first."
)
_CLIENT_REWORK = (
    "Only a client went away, and the server lived on: let the next call join the work that is under way, or end that "
    "first and go on behind the last batch that was stored."
)
_TWO_APPENDED = (
    "Two were at work on one job, and each appended its batches. Let only one be at work on a job, and key records so "
    "that a second write replaces the first."
)
_OLD_CALL = (
    "The call of a client that went away goes on, and the next call starts the same job beside it. Let the next call "
    "join the work that is under way, or end that first; and give each claim of a job a new epoch, on which every "
    "write is conditional."
)
_TWO_CALLS = (
    "Two clients asked for one job at the same time, and each call did it. Let the second call join the work that is "
    "under way; and give each claim of a job a new epoch, on which every write is conditional."
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


_STOPPED_AT_A_CALL = (
    "No life has ended: the work stopped at a call that failed, and nobody was told. Catch the error where the work is "
    "done: end the task as failed, or end the server, and let its next life go on behind the last batch."
)


def advised(history: History, finding: Finding) -> Finding:
    """The finding with advice that fits what was seen of it; as it is where nothing fits better than the table's."""
    power_failed = any(o.value.get("kind") == POWER for o in history.of(Op.FAULT, types=[Type.OK]))
    if power_failed and finding.invariant in _UNSYNCED:
        return replace(finding, advice=_SYNC)
    advice = None if finding.advice is not None else _advice(history, finding)
    return finding if advice is None else replace(finding, advice=advice)


def _advice(history: History, finding: Finding) -> str | None:
    if finding.invariant in _SPEAKING:
        words = [o.value.get("last_words") for o in history.of(Op.EXIT, Op.END) if o.i in finding.operations]
        return _by_words(_TABLE, "\n".join(str(text) for text in words if text)) or _stopped(history, finding)
    if finding.invariant == "records.lost":
        return _not_resumed(history, finding)
    if finding.invariant == "records.duplicated":
        if _two_at_work(history):
            return _TWO_APPENDED
        kinds = {o.value["kind"] for o in history.of(Op.FAULT, types=[Type.OK])}
        ended = _SERVER_DIED if kinds == {"kill"} else _SERVER_STOPPED if "kill" not in kinds else None
        return _by_victim(history, server=ended, client=_CLIENT_WENT)
    if finding.invariant == "effects.rework":
        return _by_victim(history, server=None, client=_CLIENT_REWORK)
    if finding.invariant == "fencing.double-run":
        beside = history.header.plan.get("companion")
        if beside and not Companion(beside).has_own_job:
            return _TWO_CALLS
        return _by_victim(history, server=None, client=_OLD_CALL)
    return None


def _stopped(history: History, finding: Finding) -> str | None:
    """Where calls have failed and no life has ended, nothing had to recover."""
    failed = {o.value["kind"] for o in history.of(Op.FAULT, types=[Type.OK])} == {FAIL}
    lives = {o.life for o in history.of(Op.BOOT)}
    return _STOPPED_AT_A_CALL if failed and len(lives) == 1 and finding.invariant == "recovery.deadline" else None


def _by_words(table: tuple[tuple[str, str], ...], said: str) -> str | None:
    return next((advice for pattern, advice in table if re.search(pattern, said, re.IGNORECASE)), None)


def _not_resumed(history: History, finding: Finding) -> str | None:
    """A job that ended with an error once it was disturbed: its checkpoint did not run ahead of anything."""
    failed = [o for o in history.of(Op.OUTPUT, types=[Type.FAIL]) if o.i in finding.operations]
    if not failed or not any(fault.i < failed[0].i for fault in history.of(Op.FAULT)):
        return None
    return _by_words(_OF_JOBS, str(failed[0].value.get("error", ""))) or NOT_RESUMED


def _by_victim(history: History, *, server: str | None, client: str | None) -> str | None:
    """One of the two where every fault has hit the server, or every one a client alone; None where it is neither."""
    harm = [o for o in history.of(Op.FAULT, types=[Type.OK]) if KINDS[o.value["kind"]].family != OPERATION]
    hit = [Victim(o.value["victim"]) for o in harm]
    if any(o.value["kind"] in (OVERLAP, "freeze", REPLACE, TWINS) for o in harm) or not hit:
        return None
    if all(victim.hits_server for victim in hit):
        return server
    return client if all(victim is Victim.CLIENT for victim in hit) else None


def _two_at_work(history: History) -> bool:
    """Whether work was done again in more stretches than there were faults, between others that were new."""
    faults = sum(1 for _ in history.of(Op.FAULT, types=[Type.OK, Type.FAIL, Type.INFO]))
    return any(o.value.get("stretches", 0) > faults + 1 for o in history.of(Op.EFFECTS))
