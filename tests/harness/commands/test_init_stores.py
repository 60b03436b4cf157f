"""Where a stranger's server keeps its store: each run gets its own, and the user's stays as it is."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.harness.commands.test_init import PLAIN, written
from tests.lab import ROOT, lab


def test_a_server_that_keeps_its_store_where_it_is_started_is_started_in_a_folder_of_each_runs_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "server.py").write_text(PLAIN.read_text(encoding="utf-8"), encoding="utf-8")
    command, before = "python -B server.py shelving --port 8000", {"server.py", "crashtest.toml"}
    asked = ("init", "--yes", "--command", command, "--records", 23, "--output", tmp_path / "crashtest.toml")
    done = lab(*asked, cwd=tmp_path)
    assert done.code == 0, done.out + done.err
    subject = written(tmp_path)["subject"]
    assert subject["command"] == "python -B {here}/server.py shelving --port {port}"
    assert subject["cwd"] == "{state_dir}"
    assert written(tmp_path)["observe"]["records"]["sqlite"] == "{state_dir}/jobs.db"
    assert "it writes in its own folder: jobs.db (in a copy of it: yours is as it was)" in done.out
    assert "reset" not in subject
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_place_that_the_server_itself_has_made_is_no_place_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(PLAIN.read_text(encoding="utf-8"), encoding="utf-8")
    command = "python -B server.py polled --port 8000 --keep shelves"
    done = lab("init", "--yes", "--command", command, "--records", 23, cwd=tmp_path)
    assert done.code == 0, done.out + done.err
    subject = written(tmp_path)["subject"]
    assert subject["command"] == "python -B {here}/server.py polled --port {port} --keep shelves"
    assert subject["cwd"] == "{state_dir}"
    assert {path.name for path in tmp_path.iterdir()} == {"server.py", "crashtest.toml"}


def test_a_server_that_wants_to_know_who_asks_is_tried_in_one_way_alone_and_never_where_its_store_is(
    tmp_path: Path,
) -> None:
    command = f"{sys.executable} -B {ROOT / 'tests' / 'cases' / '04-bearer' / 'server.py'} --port 8000"
    done = lab("init", "--yes", "--command", command, "--output", tmp_path / "crashtest.toml", cwd=tmp_path)
    assert done.code == 2, done.out + done.err
    assert "for init: --header 'Authorization: Bearer ${TOKEN}'" in done.err
    assert (done.out + done.err).count("trying to reach it") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_server_whose_store_lies_beside_its_script_is_copied_for_each_run_and_its_store_stays_as_it_is(
    tmp_path: Path,
) -> None:
    (tmp_path / "server.py").write_text(PLAIN.read_text(encoding="utf-8"), encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "shelf.db")) as db:
        db.execute("CREATE TABLE mine (n INT)")
        db.commit()
    before = (tmp_path / "shelf.db").read_bytes()
    asked = ("init", "--yes", "--command", "python -B server.py polled --beside shelf.db --port 8000", "--records", 23)
    done = lab(*asked, cwd=tmp_path)
    assert done.code == 0, done.out + done.err
    subject = written(tmp_path)["subject"]
    assert subject["cwd"] == "{state_dir}"
    assert subject["reset"] == "sh -c 'cp -R \"$0\"/server.py .' {here}"
    assert (tmp_path / "shelf.db").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"server.py", "shelf.db", "crashtest.toml"}


def test_a_variable_that_says_where_it_was_seen_to_write_says_another_place_for_each_run(tmp_path: Path) -> None:
    entry = {
        "command": sys.executable,
        "args": ["-B", str(PLAIN), "polled", "--stdio"],
        "env": {"MY_SHELF": "./shelves", "MOTTO": "./mine"},
    }
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"mine": entry}}), encoding="utf-8")
    done = lab("init", "--yes", "--records", 23, cwd=tmp_path)
    assert done.code == 0, done.out + done.err
    subject = written(tmp_path)["subject"]
    assert subject["environment"] == {"MY_SHELF": "{state_dir}/shelves"}
    assert "reset" not in subject
    assert {path.name for path in tmp_path.iterdir()} == {"mcp.json", "crashtest.toml"}


@pytest.mark.soak
def test_a_store_of_the_users_is_left_alone_and_its_runs_go_one_at_a_time(tmp_path: Path) -> None:
    """What was there before stays, and what the trial adds to it is named."""
    store = tmp_path / "kept"
    with closing(sqlite3.connect(store)) as db:
        db.execute("CREATE TABLE mine (n INT)")
        db.commit()
    command = f"python -B {PLAIN} shelving --port 8000 --keep {store}"
    done = lab("init", "--yes", "--command", command, "--records", 23, "--output", tmp_path / "crashtest.toml")
    assert done.code == 0, done.out + done.err
    assert "it writes in its own folder: kept\n" in done.out
    assert "runs go one at a time: it writes 'kept' in its own folder" in done.out
    assert "removed" not in done.out
    assert written(tmp_path)["observe"]["records"]["sqlite"] == "{here}/kept"
    with closing(sqlite3.connect(store)) as db:
        assert db.execute("SELECT count(*) FROM mine").fetchone() == (0,)


def test_a_job_that_an_earlier_run_has_done_is_refused_until_its_store_is_put_back(tmp_path: Path) -> None:
    """What is asked for again is handed out at once: no run after the first would show anything."""
    store = tmp_path / "elsewhere"
    command = f"python -B {PLAIN} remembering --port 8000 --keep {store}"
    asked = (
        "init",
        "--yes",
        "--force",
        "--command",
        command,
        "--output",
        tmp_path / "crashtest.toml",
        "--records",
        203,
    )
    refused = lab(*asked)
    assert refused.code == 2, refused.out + refused.err
    assert "was this job done by an earlier run?" in refused.err
    assert "[subject] reset" in refused.err
    assert not store.exists()  # what the trials have left is taken away
    done = lab(*asked, "--set", f"subject.reset=rm -f {store}")
    assert done.code == 0, done.out + done.err


def test_what_an_entry_names_by_its_whole_path_is_tried_in_a_copy_and_stays_as_it_is(tmp_path: Path) -> None:
    shelves = tmp_path / "shelves"
    with closing(sqlite3.connect(shelves)) as db:
        db.execute("CREATE TABLE mine (n INT)")
        db.commit()
    before = shelves.read_bytes()
    entry = {
        "command": sys.executable,
        "args": ["-B", str(PLAIN), "polled", "--stdio"],
        "env": {"MY_SHELF": str(shelves)},
    }
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"mine": entry}}), encoding="utf-8")
    done = lab("init", "--yes", "--records", 23, cwd=tmp_path)
    assert done.code == 0, done.out + done.err
    assert shelves.read_bytes() == before
    assert written(tmp_path)["subject"]["environment"] == {"MY_SHELF": "{state_dir}/shelves"}


@pytest.mark.parametrize("wants", [False, True])
def test_a_store_of_the_users_that_lies_elsewhere_stays_as_it_is_and_is_copied_where_it_is_needed(
    tmp_path: Path, wants: bool
) -> None:
    """A configuration of a host names by whole paths what lies in none of the folders of which there is a copy."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    shelves = elsewhere / "shelves"
    with closing(sqlite3.connect(shelves)) as db:
        db.execute("CREATE TABLE mine (n INT)")
        db.commit()
    before = shelves.read_bytes()
    args = ["-B", str(PLAIN), "polled", "--stdio", *(["--wants", "mine"] if wants else [])]
    entry = {"command": sys.executable, "args": args, "env": {"MY_SHELF": str(shelves)}}
    config = elsewhere / "claude_desktop_config.json"
    config.write_text(json.dumps({"mcpServers": {"mine": entry}}), encoding="utf-8")
    done = lab("init", "--yes", "--records", 23, "--mcp-config", config, cwd=here)
    assert done.code == 0, done.out + done.err
    subject = written(here)["subject"]
    assert subject["environment"] == {"MY_SHELF": "{state_dir}/shelves"}
    assert subject.get("reset") == (f"cp -R {shelves} {{state_dir}}/" if wants else None)
    assert (f"it does not do so with {shelves} empty: trying it with a copy of it for each run" in done.out) == wants
    assert shelves.read_bytes() == before
    assert {path.name for path in elsewhere.iterdir()} == {"shelves", config.name}


@pytest.mark.parametrize(("name", "said"), [("SHORT", "too short"), ("UNSAID", "has no variable UNSAID")])
def test_a_secret_that_is_missing_or_could_not_be_kept_is_said_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setenv("SHORT", "abc")
    command = f"{sys.executable} -B {PLAIN} polled --port 8000"
    done = lab("init", "--yes", "--command", command, "--header", f"Authorization: Bearer ${{{name}}}", cwd=tmp_path)
    assert done.code == 2
    assert said in done.err
    assert "trying" not in done.out
    assert list(tmp_path.iterdir()) == []
