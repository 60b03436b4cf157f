"""Checksums: SQLite's pages have none, so each row has one, its seal, which is looked at whenever the row is read.

What a disk has bent since the row was written is told from what was written, and never served as such. A task's row is
sealed by triggers, which no statement can forget; they belong to our connections alone. A row whose seal is broken
stays so: whoever changes it does not seal it anew. A worker knows its task's whole row, and seals it with each batch
itself (``Sealed``), in a quarter of the time: as the row should be, so that what is bent in it stays so.
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import Any, NamedTuple

from reference_server.errors import Damaged

SEALED = (
    *("task_id", "kind", "owner", "client_id", "parameters", "status", "epoch", "step", "cursor", "digest"),
    *("progress", "total", "batch_size", "message", "result", "error", "prompts", "answers"),
    *(
        "created_at",
        "updated_at",
        "completed_at",
        "submission",
        "target",
        "worker",
        "lasting",
        "placing",
        "stateful",
        "kept",
    ),
)
_UNCHANGED_BY_A_BATCH = (
    SEALED[: SEALED.index("step")],
    SEALED[SEALED.index("progress") + 1 : SEALED.index("message")],
    SEALED[SEALED.index("message") + 1 : SEALED.index("updated_at")],
    SEALED[SEALED.index("updated_at") + 1 :],
)
ADVICE = "take the store from a backup, or start the work again"
_SEAL = "UPDATE tasks SET seal = seal({new}) WHERE task_id = NEW.task_id"
_TRIGGERS = (
    f"CREATE TEMP TRIGGER sealed_new AFTER INSERT ON main.tasks BEGIN {_SEAL}; END",
    "CREATE TEMP TRIGGER sealed AFTER UPDATE ON main.tasks WHEN NEW.seal = OLD.seal AND OLD.seal = seal({old})"
    f" BEGIN {_SEAL}; END",
)


def seal(*values: Any) -> int:
    """The checksum of a row's values; of a text that is none any more, too."""
    return zlib.crc32(repr(values).encode(errors="surrogatepass"))


def seal_of(content: bytes, *key: Any) -> int:
    """The checksum of much content, and of where it belongs."""
    return zlib.crc32(content, seal(*key))


def readable(text: bytes) -> str:
    """A text as it is stored, also one that is no UTF-8 any more: its seal is to tell."""
    return text.decode(errors="surrogateescape")


def add_functions(db: sqlite3.Connection) -> None:
    """Let SQL know ``seal``, and ``seal_of`` for what an older format has not sealed."""
    db.create_function("seal", -1, seal, deterministic=True)
    db.create_function("seal_of", -1, _seal_of, deterministic=True)


def _seal_of(content: str | bytes, *key: Any) -> int:
    return seal_of(content.encode() if isinstance(content, str) else content, *key)


def add_triggers(db: sqlite3.Connection) -> None:
    """Let a connection seal each task's row that it writes."""
    old, new = (", ".join(f"{which}.{column}" for column in SEALED) for which in ("OLD", "NEW"))
    db.execute("PRAGMA temp_store = MEMORY")  # the triggers must not need room on a full disk
    for trigger in _TRIGGERS:
        db.execute(trigger.format(old=old, new=new))


class Sealed(NamedTuple):
    """A task's row with its seal, as the worker knows it that nobody has replaced: ``rest`` is what no batch changes.

    The texts of it lie before, between and behind what a batch changes, in the order of ``SEALED``.
    """

    seal: int
    rest: tuple[str, str, str, str]

    @classmethod
    def of(cls, row: sqlite3.Row) -> Sealed:
        """From a row that was looked at, with all of its columns."""
        before, between, behind, last = (
            ", ".join(repr(row[column]) for column in columns) for columns in _UNCHANGED_BY_A_BATCH
        )
        return cls(row["seal"], (f"({before}, ", f", {between}, ", f", {behind}, ", f", {last})"))

    def moved(self, step: int, cursor: int, digest: str, progress: int, message: str, updated_at: str) -> Sealed:
        """The same row behind a batch."""
        before, between, behind, last = rest = self.rest
        text = f"{before}{step}, {cursor}, {digest!r}, {progress}{between}{message!r}{behind}{updated_at!r}{last}"
        return Sealed(zlib.crc32(text.encode(errors="surrogatepass")), rest)


def check_task(row: sqlite3.Row) -> None:
    """Raises Damaged when a task's row is not what was written."""
    if row["seal"] != seal(*(row[column] for column in SEALED)):
        raise Damaged(f"the task {row['task_id']!r} is damaged in the store, and is left as it is: {ADVICE}")
