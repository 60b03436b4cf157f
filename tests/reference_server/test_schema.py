"""The store's file: an older one is brought up to date, a half-made one is made, and a stranger's is left alone."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from reference_server.errors import StartError
from reference_server.schema import _FORMAT_1, APPLICATION_ID, prepare
from reference_server.store import Store
from tests.reference_server.test_store import claimed, commit

pytestmark = pytest.mark.sqlite


def test_an_older_store_is_brought_up_to_date_and_keeps_its_tasks(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"PRAGMA journal_mode = WAL; {_FORMAT_1};")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        db.execute(
            "INSERT INTO tasks (task_id, kind, submission, parameters, status, step, progress, total, batch_size,"
            " created_at, updated_at) VALUES ('t', 'kind', 's', '{}', 'running', 1, 2, 4, 2, '2026', '2026')"
        )
        db.executemany("INSERT INTO records VALUES ('t', ?, ?)", [(0, '{"n": 0}'), (1, '{"n": 1}')])
        db.commit()
    prepare(path)
    with closing(Store(path)) as store:
        assert store.claimable([]) == [("t", "")]
        assert (store.get("t").progress, store.get("t").owner, store.get("t").prompts) == (2, "", {})
        assert store.bodies("t", 0, 10) == ['{"n": 0}', '{"n": 1}']
        commit(store, claimed(store))
        assert store.bodies("t", 1, 2) == ['{"n": 1}', "{}"]
    prepare(path)


MAKING = """
import sys
from pathlib import Path
from reference_server.schema import prepare

print("now", flush=True)
prepare(Path(sys.argv[1]))
"""


@contextmanager
def begun(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is about to make a store."""
    with subprocess.Popen([sys.executable, "-c", MAKING, str(path)], stdout=subprocess.PIPE, text=True) as making:
        assert making.stdout
        making.stdout.readline()
        yield making


def test_a_first_start_that_was_killed_at_any_moment_does_no_harm(tmp_path: Path) -> None:
    """Many kills at random moments: before the file, with an empty one, in its first transaction, and after."""
    moments = random.Random(7)
    with begun(tmp_path / "whole.db") as making:
        at = time.monotonic()
        making.wait()
        whole_s = time.monotonic() - at
    sizes = set()
    for number in range(24):
        path = tmp_path / f"{number}.db"
        with begun(path) as making:
            time.sleep(moments.uniform(0, whole_s))
            making.kill()
        sizes.add(path.stat().st_size if path.exists() else None)
        prepare(path)
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert len(sizes) >= 2, "every kill hit the same moment"


def test_an_empty_database_is_taken_for_none_and_a_strangers_for_what_it_is(tmp_path: Path) -> None:
    empty, foreign = tmp_path / "empty.db", tmp_path / "foreign.db"
    with closing(sqlite3.connect(empty)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("PRAGMA application_id = 77")
    before = foreign.read_bytes()
    assert empty.stat().st_size > 0
    prepare(empty)
    with pytest.raises(StartError, match="another program"):
        prepare(foreign)
    assert foreign.read_bytes() == before
