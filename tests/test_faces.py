"""Wherever the output goes, and whatever ends a session, the exit code is right and nobody sees a traceback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from mcp_crashtest.files.bundle import Bundle
from tests.lab import CLI, MUTANTS, ROOT, SMALL, environment, lab, smaller
from tests.test_proof import alive_with, wait_until

_DEADLINE_S = 200


def start(*arguments: object, **more: str) -> subprocess.Popen[str]:
    """A command of the lab, with its output through pipes."""
    return subprocess.Popen(
        [*CLI, *map(str, arguments)],
        cwd=ROOT,
        env={**environment(), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )


def test_a_reader_that_has_gone_away_does_not_hide_a_violation(tmp_path: Path) -> None:
    chosen = ("--profile", MUTANTS / "last_batch_lost.toml", "--scenario", "server-killed-everywhere", "--quick")
    lab = start("certify", *chosen, "--report-dir", tmp_path / "report")
    assert lab.stdout is not None
    lab.stdout.close()
    assert lab.wait(_DEADLINE_S) == 1
    assert lab.stderr is not None
    with lab.stderr:
        assert lab.stderr.read() == ""


def test_a_terminal_that_knows_ascii_alone_is_told_the_stars_in_it(tmp_path: Path) -> None:
    chosen = ("--profile", smaller(SMALL, tmp_path), "--level", 1)
    lab = start("certify", *chosen, "--report-dir", tmp_path / "report", PYTHONIOENCODING="ascii", COLUMNS="80")
    out, err = lab.communicate(timeout=_DEADLINE_S)
    assert lab.returncode == 0, out + err
    assert "PASS: small earned *\n" in out
    assert out.isascii()
    assert err == ""


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGTERM, 143, marks=pytest.mark.soak), (signal.SIGINT, 130)]
)
def test_whoever_ends_a_session_hears_what_was_shown_so_far_and_nothing_is_left(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    lab = start("certify", "--profile", MUTANTS / "graceful_cancels.toml", "--report-dir", tmp_path, "--level", 2)
    wait_until(lambda: len(Bundle(tmp_path).runs("undisturbed")) >= 1, "the lab plays plans", 90)
    family = psutil.Process(lab.pid).children(recursive=True)
    assert len(family) >= 3
    os.kill(lab.pid, number)
    out, err = lab.communicate(timeout=_DEADLINE_S)
    assert lab.returncode == code, out + err
    _, left = psutil.wait_procs(family, timeout=20)
    assert left == []
    assert not alive_with(str(tmp_path))
    assert out.strip().splitlines()[-1].startswith("interrupted: ")
    assert out.strip().endswith("nothing is left running")
    assert "Traceback" not in out + err
    certificate = Bundle(tmp_path).certificate()
    assert certificate is None or (certificate["verdict"] != "PASS" and certificate["level"] == 0)


def test_a_second_session_in_the_same_report_directory_is_refused(tmp_path: Path) -> None:
    with Bundle(tmp_path).prepare("somebody else's"):
        lab = start("certify", "--profile", MUTANTS / "orphaned.toml", "--report-dir", tmp_path)
        out, err = lab.communicate(timeout=_DEADLINE_S)
    assert lab.returncode == 2, out + err
    assert "another session is at work in the report directory" in err


def test_what_was_not_begun_behind_the_first_violation_is_one_line(tmp_path: Path) -> None:
    done = lab("certify", "--profile", MUTANTS / "says_interrupted.toml", "--fail-fast", "--report-dir", tmp_path)
    assert done.code == 1, done.out + done.err
    said = " ".join(done.out.split())
    assert re.search(r"nothing more was played \(--fail-fast\) \(not run: \d+ scenarios more\)", said)
    assert "SKIP" not in done.out
    assert "random-kills" not in done.out
