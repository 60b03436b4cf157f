"""Looking at a store: is it what was written? Nothing is changed by it, whatever is found.

SQLite's own check finds what is bent between the rows, and seals what is bent within them (``seals``). The
former is looked at before the store is used, the latter soon after. Both are looked at as far as they come in a bounded
time: of a large store the rest is looked at whenever a row is read.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from reference_server import seals, write_ahead_log

_LOOKING_S = 0.15
_WRONG_SEALS = f"SELECT task_id FROM tasks WHERE seal != seal({', '.join(seals.SEALED)})"
_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
_ENCODING = "UTF-8"
# Of the newest format's tables, which spares each start to make them for comparison.
NEWEST = "ec266de37a8f4d5bfc12997fc518845e1bed16c0149571aa5c2a165ec57af0be"

log = logging.getLogger("reference_server")


def fault(db: sqlite3.Connection, path: Path) -> str | None:
    """What is wrong with the whole store, as far as it was looked at; raises sqlite3.Error for what SQLite cannot read.

    ``db`` must not be able to write: closed, it would have dropped what is behind the fault.
    """
    if found := write_ahead_log.fault(path):
        return found
    if db.execute("PRAGMA encoding").fetchone()[0] != _ENCODING:
        return "its texts are not in UTF-8"
    said = "ok"
    with _bounded(db):
        said = " ".join(str(db.execute("PRAGMA integrity_check(1)").fetchone()[0]).split())
    return None if said == "ok" else said


def is_of_format(db: sqlite3.Connection, statements: list[str]) -> bool:
    """Whether its tables are those that these statements make."""
    found = [tuple(row) for row in db.execute(_SCHEMA)]
    if hashlib.sha256(repr(found).encode(errors="surrogatepass")).hexdigest() == NEWEST:
        return True
    with closing(sqlite3.connect(":memory:")) as made:
        seals.add_functions(made)
        for statement in statements:
            made.execute(statement)
        return found == made.execute(_SCHEMA).fetchall()


def name_damaged_tasks(db: sqlite3.Connection) -> None:
    """Tell the log which tasks are not what was written: they are not executed, and not served."""
    with _bounded(db):
        for row in db.execute(_WRONG_SEALS):
            log.error("the task %r is damaged in the store: %s", row[0], seals.ADVICE)


@contextmanager
def _bounded(db: sqlite3.Connection) -> Iterator[None]:
    """Look for so long, and leave it at that: what SQLite has found by then may be for being interrupted."""
    alarm = threading.Timer(_LOOKING_S, db.interrupt)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        log.info("the store is large, and was looked at in part: the rest is, as it is read")
    finally:
        alarm.cancel()
        alarm.join()
