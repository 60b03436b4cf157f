"""What a store asks of its database: one interface, two implementations, SQLite (``schema``) and ``postgres``.

The store's statements are the same for both, word for word, and so are the rules of exactness that they are. Where the
two databases must do different things to the same end, that end has a name here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

Values = Sequence[Any] | Mapping[str, Any]


class Answer(Protocol):
    """What a statement came to; a row is asked for its columns by their names, or by their numbers."""

    @property
    def rowcount(self) -> int:
        """How many rows it has changed."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def __iter__(self) -> Iterator[Any]:
        """All rows."""


class Database(Protocol):
    """One connection, used by one thread at a time. In statements ``?`` and ``:name`` stand for values.

    Where it cannot be asked now, all methods raise sqlite3.Error or OSError. A connection that was lost is made anew
    for whoever asks next.
    """

    @property
    def seals(self) -> bool:
        """Whether each task's row has a checksum of ours: see ``seals``. Else the database has its own."""

    @property
    def octets(self) -> str:
        """In SQL: how many bytes a batch's records have."""

    @property
    def in_transaction(self) -> bool:
        """Whether one has begun."""

    def execute(self, statement: str, values: Values = ..., /) -> Answer:
        """Run a statement."""

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> object:
        """Run a statement for each of these."""

    def begin(self) -> None:
        """Begin a transaction that writes."""

    def commit(self) -> None:
        """Have it on the disk. Raises Unknown where the answer was lost."""

    def rollback(self) -> None:
        """Undo it."""

    def close(self) -> None:
        """The connection is not needed any more."""

    def check_writable(self) -> None:
        """Raise where no batch could be written."""

    def reserve(self, owner: str) -> None:
        """Let nobody else submit for this owner until the transaction has ended."""

    def hold(self, task_id: str) -> bool:
        """Let nobody else write a task's row until the transaction has ended; False where somebody does so now."""

    def elsewhere(self, workers: Sequence[str]) -> tuple[str, Sequence[str]]:
        """In SQL, and its values: the row's worker is one of these, or another that is known to live."""

    def announce(self, task_id: str) -> None:
        """Once the transaction is on the disk, tell all processes that a task has moved."""


class Workers(Protocol):
    """The processes that work on a store, seen by one of them, which is ``me``."""

    @property
    def me(self) -> str:
        """Its name."""

    def beat(self) -> None:
        """Show that this process goes on."""

    def term(self) -> int:
        """Another number than before, once this process may have been replaced: it must claim again what it had."""

    def others(self) -> list[str]:
        """Those that live and go on, as far as the database does not know it itself."""

    def listen(self, heard: Callable[[str], None]) -> None:
        """From now on call ``heard``, in some thread, with the id of each task that another process has moved."""

    def close(self) -> None:
        """This process works no more."""


class Place(Protocol):
    """Where a store is. As a text it is as people may see it, without a password."""

    @property
    def files(self) -> Sequence[Path]:
        """Its files here, which are nobody else's to read or to write."""

    @property
    def reserves(self) -> bool:
        """Whether Database.reserve may wait for others: who is reserved has a transaction of its own, and no more."""

    def prepare(self) -> None:
        """Make it if there is none, bring an older one up to date; raises StartError, and what Database raises."""

    def name_damaged(self) -> None:
        """Tell the log which tasks are not what was written, where the database does not see to that itself."""

    def connect(self, patience_s: float) -> Database:
        """A connection, which waits so long for a database that is busy or away."""

    def work(self) -> Workers:
        """Be one of those who work on it."""

    def close(self) -> None:
        """No connection is needed any more."""
