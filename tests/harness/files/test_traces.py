"""What a trial leaves in a user's folder is seen, and is taken away where it is the trial's own beyond doubt."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from mcp_crashtest.files.traces import Traces

JOB = "3f2c9a51d8e04b17"


def store(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (n INT)")
        db.commit()


def test_a_new_database_and_files_of_the_job_go_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    ours = tmp_path / "crashtest.toml"
    traces = Traces(tmp_path, tmp_path / "report", frozenset({ours}), {JOB})
    store(tmp_path / "jobs")
    (tmp_path / "jobs-wal").write_bytes(b"")
    (tmp_path / "data" / "jobs").mkdir(parents=True)
    (tmp_path / "data" / "jobs" / f"{JOB}.json").write_text("{}", encoding="utf-8")
    (tmp_path / "log.txt").write_text(f"began {JOB}", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("the user's, of this moment", encoding="utf-8")
    ours.write_text(JOB, encoding="utf-8")
    assert traces.left() == [f"data/jobs/{JOB}.json", "jobs", "jobs-wal", "log.txt", "notes.txt"]
    assert sorted(traces.clear()) == [f"data/jobs/{JOB}.json", "jobs", "jobs-wal", "log.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crashtest.toml", "empty", "mine.txt", "notes.txt"]
    assert traces.left() == []


def test_a_database_that_was_there_before_is_named_and_stays(tmp_path: Path) -> None:
    store(tmp_path / "jobs.db")
    traces = Traces(tmp_path, tmp_path / "report", names={JOB})
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as db:
        db.execute("CREATE TABLE more (n INT)")
        db.commit()
    assert traces.left() == ["jobs.db"]
    assert traces.clear() == []
    assert (tmp_path / "jobs.db").exists()


def test_a_short_name_is_no_proof(tmp_path: Path) -> None:
    traces = Traces(tmp_path, tmp_path / "report", names={"7"})
    (tmp_path / "7.json").write_text("7", encoding="utf-8")
    assert traces.clear() == []


def test_what_a_running_server_writes_meanwhile_is_its_own(tmp_path: Path) -> None:
    traces = Traces(tmp_path, tmp_path / "report", names={JOB}, started=False)
    store(tmp_path / "jobs.db")
    assert traces.left() == ["jobs.db"]
    assert traces.clear() == []
    assert (tmp_path / "jobs.db").exists()


def test_the_log_of_a_database_that_was_there_before_stays_with_it(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (name TEXT)")
        db.commit()
    traces = Traces(tmp_path, tmp_path / "report", names={JOB})
    with closing(sqlite3.connect(path)) as db:  # as a server that is killed leaves it
        db.execute("INSERT INTO t VALUES (?)", (JOB,))
        db.commit()
        assert JOB.encode() in (tmp_path / "jobs.db-wal").read_bytes()
        assert traces.disturbed() == ["jobs.db-shm", "jobs.db-wal"]
        assert traces.clear() == []
        assert (tmp_path / "jobs.db-wal").exists()


def test_what_was_there_before_and_is_written_to_is_said_to_be_disturbed(tmp_path: Path) -> None:
    (tmp_path / "jobs.jsonl").write_text("{}\n", encoding="utf-8")
    traces = Traces(tmp_path, tmp_path / "report", names={JOB})
    with (tmp_path / "jobs.jsonl").open("a", encoding="utf-8") as file:
        file.write(f'{{"job": "{JOB}"}}\n')
    (tmp_path / "new.log").write_text(JOB, encoding="utf-8")
    assert traces.disturbed() == ["jobs.jsonl"]
    assert traces.clear() == ["new.log"]
