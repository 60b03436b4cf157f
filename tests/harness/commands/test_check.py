"""``check`` says what each line of a profile finds, before anything is killed; what does not fit is refused."""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab import SMALL, lab, smaller


def changed(folder: Path, old: str, new: str) -> Path:
    """The small server's profile with one thing changed."""
    path = smaller(SMALL, folder)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_what_was_sent_what_came_and_what_each_path_found_is_said(tmp_path: Path) -> None:
    done = lab("check", "--profile", smaller(SMALL, tmp_path), "--jobs", "2")
    assert done.code == 0, done.out + done.err
    said = done.out
    assert '"total": 30' in said
    assert "running -> completed at $.status" in said
    assert "30 at $.progress" in said
    assert "30 in the resource job://{id}/records (items $, key $.n): 0, 1, 2, ..." in said
    assert "three stars at most" in said
    assert "not assessed: cancel, pause, list" in said
    assert "certify --quick: about" in said


def test_as_json_it_says_the_same_and_how_long_a_session_takes(tmp_path: Path) -> None:
    done = lab("check", "--json", "--profile", changed(tmp_path, "records = {", "# records = {"))
    assert done.code == 0, done.out + done.err
    said = json.loads(done.out)
    assert said["stars"] == 1
    assert "records.lost" in said["not_assessed"]
    assert "records.lost" not in said["assessed"]
    assert said["found"]["count"]["value"] == 30
    assert "records" not in said["found"]
    quick, whole = said["takes"]["certify --quick"], said["takes"]["certify"]
    assert 20 < quick["runs"] < whole["runs"]
    assert 0 < quick["seconds"] < whole["seconds"]


def test_a_path_that_finds_nothing_is_the_profiles_mistake(tmp_path: Path) -> None:
    done = lab("check", "--profile", changed(tmp_path, 'count = "$.progress"', 'count = "$.amount"'))
    assert done.code == 2
    assert '[observe] count = "$.amount" finds nothing' in done.err


def test_a_server_that_ends_at_once_is_the_servers_fault(tmp_path: Path) -> None:
    done = lab(
        "check", "--profile", smaller(SMALL, tmp_path), "--command", "python -c 'raise SystemExit(7)' {listen_fd}"
    )
    assert done.code == 3
    assert "exit code 7" in done.err


def test_without_a_profile_it_says_who_writes_one(tmp_path: Path) -> None:
    done = lab("check", cwd=tmp_path)
    assert done.code == 2
    assert "mcp-crashtest init" in done.err
