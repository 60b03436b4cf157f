"""A token stands nowhere: not in a report, its logs and the state that is kept, and not on the console."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.plan import Plan
from tests.lab import ROOT, Done, certify, lab, named

LEAKING = ROOT / "tests" / "leaking" / "leaking.toml"
TOKEN = "s3cr3t/t0ken+q=="
KILLED = ("--scenario", "killed-at-the-edges", "--quick")


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", TOKEN)


def forms() -> Iterator[bytes]:
    """The token as it is, as JSON has it, percent-encoded, and in base64."""
    yield from (TOKEN.encode(), json.dumps(TOKEN)[1:-1].encode(), urllib.parse.quote(TOKEN, safe="").encode())
    yield base64.b64encode(f"a {TOKEN}".encode())


def places_in(folder: Path) -> list[str]:
    """The files that hold the token, in whatever form."""
    files = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
    assert len(files) >= 6
    return [str(path) for path in files if any(form in path.read_bytes() for form in forms())]


def says_it(done: Done) -> bool:
    return any(form in (done.out + done.err).encode() for form in forms())


def losing(folder: Path) -> Path:
    """The same server, and it loses a batch: its state is kept."""
    profile = folder / "losing.toml"
    text = LEAKING.read_text(encoding="utf-8").replace("{here}", str(LEAKING.parent))
    profile.write_text(text.replace("LEAK_TOKEN", 'LEAK_LOSES = "yes", LEAK_TOKEN'), encoding="utf-8")
    return profile


def test_a_server_that_tells_its_token_everywhere_is_judged_and_the_token_stands_nowhere(tmp_path: Path) -> None:
    report = tmp_path / "report"
    done = certify(report, "--profile", losing(tmp_path), *KILLED)
    assert done.code == 1, done.out + done.err
    found = named(done, "killed-at-the-edges", "losing")["findings"]
    assert {finding["invariant"] for finding in found} >= {"records.lost"}
    assert not says_it(done)
    assert places_in(report) == []
    state = next(run.state_dir for run in Bundle(report).runs("killed-at-the-edges") if run.state_dir.is_dir())
    assert (state / "plain").read_bytes().count(b"*") == len(TOKEN.encode())
    with sqlite3.connect(state / "jobs.db") as db:  # what was overwritten is as long as it was
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    [saved] = report.rglob("profile.*")
    assert json.loads(saved.read_text())["subject"]["headers"] == {"Authorization": "Bearer ${LAB_TOKEN}"}

    again = lab("recheck", report)
    assert again.code == 1, again.out + again.err

    run = found[0]["replay"].split()[-1]
    replayed = lab("replay", run, "--report-dir", tmp_path / "again", "--json")
    assert replayed.code == 1, replayed.out + replayed.err
    assert places_in(tmp_path / "again") == []


def test_a_token_that_is_refused_is_not_shown_and_neither_is_half_of_it(tmp_path: Path) -> None:
    profile = tmp_path / "wrong.toml"
    text = LEAKING.read_text(encoding="utf-8").replace("{here}", str(LEAKING.parent))
    profile.write_text(text.replace("Bearer ${LAB_TOKEN}", "Bearer no${LAB_TOKEN}"), encoding="utf-8")
    done = certify(tmp_path / "report", "--profile", profile, *KILLED)
    assert done.code == 3, done.out + done.err
    reason = named(done, "killed-at-the-edges", "wrong")["reason"]
    assert "HTTP status 401" in reason
    assert "It was sent Authorization, and does not take it" in reason
    assert not says_it(done)
    assert TOKEN[:6] not in done.out + done.err
    assert places_in(tmp_path / "report") == []


@pytest.mark.parametrize("command", ["certify", "replay"])
def test_a_variable_that_is_not_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.delenv("LAB_TOKEN")
    run = RunFolder(tmp_path / "run")
    run.save_plan(Plan("s", "2026-07-28", ()))
    given = ["certify"] if command == "certify" else ["replay", run.path]
    done = lab(*given, "--profile", LEAKING, "--report-dir", tmp_path / "report")
    assert done.code == 2, done.out + done.err
    assert "the environment has no variable LAB_TOKEN" in done.err
    assert "[subject] headers.Authorization" in done.err
