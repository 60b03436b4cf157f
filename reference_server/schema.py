"""The store's file: make it, recognise it, bring an older one up to date, and leave a stranger's alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from reference_server import inspection
from reference_server.errors import StartError
from reference_server.folders import flush_folder, make_folder
from reference_server.seals import SEALED, add_functions, add_triggers, readable
from reference_server.sqlite_database import SqliteDatabase
from reference_server.sqlite_terms import is_passing

FORMAT = 4
APPLICATION_ID = 0x4D435052
BUSY_S = 5.0
_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\0"
_APPLICATION_ID_AT = slice(68, 72)
_FIRST_PAGE_BYTES = 4096
_LEFT_BY_A_CRASH = (
    sqlite3.SQLITE_READONLY_ROLLBACK,
    sqlite3.SQLITE_READONLY_RECOVERY,
    sqlite3.SQLITE_READONLY_CANTINIT,
    sqlite3.SQLITE_READONLY_DIRECTORY,
    sqlite3.SQLITE_CANTOPEN,
)

# A task's submission is NULL once equal ones are to be new tasks; its worker is the process that executes it.
_FORMAT_1 = """
CREATE TABLE tasks (
    task_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    submission TEXT UNIQUE,
    target TEXT,
    parameters TEXT NOT NULL,
    status TEXT NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    step INTEGER NOT NULL DEFAULT 0,
    cursor INTEGER NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '',
    progress INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL,
    batch_size INTEGER NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    result TEXT,
    error TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    completed_at TEXT
) WITHOUT ROWID;
CREATE INDEX tasks_by_age ON tasks (created_at);
CREATE INDEX tasks_by_status ON tasks (status, created_at);
CREATE TABLE records (
    task_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (task_id, position)
) WITHOUT ROWID
"""
_FORMAT_2 = """
ALTER TABLE tasks ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN client_id TEXT;
ALTER TABLE tasks ADD COLUMN worker TEXT;
ALTER TABLE tasks ADD COLUMN lasting INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN prompts TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN answers TEXT NOT NULL DEFAULT '';
CREATE INDEX tasks_of_owner ON tasks (owner, status, created_at);
CREATE INDEX tasks_of_client ON tasks (owner, client_id, created_at) WHERE client_id IS NOT NULL;
CREATE INDEX tasks_by_target ON tasks (target) WHERE target IS NOT NULL;
CREATE TABLE states (task_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID
"""
# A batch is one row, its records one JSON text a line: what is committed together lies together, behind what is there.
_FORMAT_3 = """
CREATE TABLE batches (task_id TEXT NOT NULL, position INTEGER NOT NULL, bodies TEXT NOT NULL);
INSERT INTO batches SELECT task_id, position, body FROM records ORDER BY task_id, position;
CREATE UNIQUE INDEX batches_of_task ON batches (task_id, position);
DROP TABLE records
"""
# Each row has its checksum; what an older format has brought along is sealed as it is found.
_FORMAT_4 = """
ALTER TABLE tasks ADD COLUMN placing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN stateful INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN kept INTEGER NOT NULL DEFAULT 1;
ALTER TABLE tasks ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE states ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE tasks SET stateful = task_id IN (SELECT task_id FROM states), kept = task_id IN (SELECT task_id FROM batches);
UPDATE tasks SET seal = seal({sealed});
UPDATE batches SET seal = seal_of(bodies, task_id, position);
UPDATE states SET seal = seal_of(body, task_id)
""".format(sealed=", ".join(SEALED))
_STEPS = (_FORMAT_1, _FORMAT_2, _FORMAT_3, _FORMAT_4)  # from no tables to the newest format


def connect(path: Path, patience_s: float = BUSY_S) -> SqliteDatabase:
    """A connection as all of ours are: write-ahead log, flushed to the disk at each commit, rows sealed.

    ``patience_s``: how long it waits for another process that writes.
    """
    db = _opened(path, patience_s)
    add_triggers(db)
    db.path, db.opened = path, path.stat().st_ino
    return db


def _opened(path: Path, patience_s: float) -> SqliteDatabase:
    db = sqlite3.connect(
        path, isolation_level=None, timeout=patience_s, check_same_thread=False, factory=SqliteDatabase
    )
    db.row_factory, db.text_factory = sqlite3.Row, readable
    add_functions(db)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA wal_autocheckpoint = 8000")
    return db


def prepare(path: Path) -> None:
    """Make the store file if there is none, check it if there is; a file that is not ours is left as it is.

    A start that was killed may have left an empty database behind: that is taken for none. Raises StartError with
    advice, and OSError or sqlite3.OperationalError when the disk does not take it.
    """
    make_folder(path.parent)
    if path.exists() and not path.is_file():
        raise StartError(f"the store {path} is no file: give another --store")
    try:
        version = _inspected(path) if path.exists() and path.stat().st_size else 0
        if version < FORMAT:
            _bring_up_to_date(path)
            flush_folder(path.parent)
    except sqlite3.Error as error:
        if is_passing(error):
            raise
        raise damaged(path, str(error)) from error


def damaged(path: Path, what: str) -> StartError:
    """The store cannot be trusted: what is to be said."""
    return StartError(
        f"the store {path} is not a SQLite file, or is damaged ({what}): move it away, take it from a backup, or give "
        "another --store"
    )


def _inspected(path: Path) -> int:
    """The format of a file that is ours, and whole; read without changing it. Raises StartError.

    What a crash has left for the next writer to roll back is rolled back only where the file can be nobody else's.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header.startswith(_MAGIC):
        raise damaged(path, "it does not begin as one")
    application = int.from_bytes(header[_APPLICATION_ID_AT], "big")
    ours = application == APPLICATION_ID or (application == 0 and path.stat().st_size <= _FIRST_PAGE_BYTES)
    uri = path.resolve().as_uri()
    try:
        return _inspect(path, f"{uri}?mode=ro")
    except sqlite3.OperationalError as error:
        if not ours or error.sqlite_errorcode not in _LEFT_BY_A_CRASH:
            raise
        return _inspect(path, uri)


def _inspect(path: Path, uri: str) -> int:
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, check_same_thread=False)) as db:
        add_functions(db)
        application, version, tables = (
            int(db.execute(query).fetchone()[0])
            for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
        if application != APPLICATION_ID and (application or version or tables):
            raise StartError(f"{path} is a SQLite file of another program: give another --store")
        if version > FORMAT:
            raise StartError(f"the store {path} has format {version}, this server knows {FORMAT}: use the newer server")
        if found := inspection.fault(db, path):
            raise damaged(path, found)
        if not inspection.is_of_format(db, _statements(0, version)):
            raise damaged(path, f"its tables are not those of format {version}")
    return version


def name_damaged_tasks(path: Path) -> None:
    """Tell the log which tasks are not what was written, as far as they are looked at; raises sqlite3.Error."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, check_same_thread=False)) as db:
        add_functions(db)
        inspection.name_damaged_tasks(db)


def _statements(after: int, format_: int = FORMAT) -> list[str]:
    """What leads from a format to another."""
    return [statement for step in _STEPS[after:format_] for statement in step.split(";")]


def _bring_up_to_date(path: Path) -> None:
    """From whatever format to the newest in one transaction; another process may have done it meanwhile."""
    with closing(_opened(path, BUSY_S)) as db:
        db.execute("BEGIN EXCLUSIVE")
        for statement in _statements(db.execute("PRAGMA user_version").fetchone()[0]):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {FORMAT}")
        db.execute("COMMIT")
