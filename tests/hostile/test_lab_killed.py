"""The lab itself is killed at random moments: nobody outlives it, and the next session finds everything free."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from mcp_crashtest.files.run_folder import RunFolder
from tests.lab import SMALL, certify, environment, smaller
from tests.mutants.mutant import CRASH_LOOP, FAILING, MANY, POWER, REPLACED, SABOTAGED, TWO_AT_ONCE

SEED = 20_26
LONGEST_S = 4.0
_LEAVING_S = 10.0
_BEGINNING_S = 120.0
LASTING = (
    REPLACED,
    TWO_AT_ONCE,
    CRASH_LOOP,
    FAILING,
    POWER,
    SABOTAGED,
    MANY,
)


def of_session(folder: Path) -> list[psutil.Process]:
    """Whoever has this folder in the command line or environment, which everybody of a session has."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(folder) in f"{process.cmdline()} {process.environ()}":
                found.append(process)
    return found


def killed(folder: Path, profile: Path, moment: Callable[[], str], *options: str) -> None:
    """A session that is killed as soon as ``moment`` is over, which says when; asserts that nobody of it is left."""
    command = [sys.executable, "-m", "mcp_crashtest.cli", "certify", "--profile", str(profile), *options]
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    with subprocess.Popen(
        [*command, "--report-dir", str(folder / "report")],
        env={**environment(), "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as lab:
        when = moment()
        family = psutil.Process(lab.pid).children(recursive=True)
        lab.kill()
    _, left = psutil.wait_procs(family, timeout=_LEAVING_S)
    assert left == [], when
    deadline = time.monotonic() + _LEAVING_S
    while left := of_session(folder):
        assert time.monotonic() < deadline, f"{when}: {left}"
        time.sleep(0.05)


def after(seconds: float) -> Callable[[], str]:
    """So long after its start."""

    def moment() -> str:
        time.sleep(seconds)
        return f"after {seconds:.3f} s"

    return moment


def within_a_fault(folder: Path, scenario: str) -> Callable[[], str]:
    """As soon as its journal says that a fault is about to be done, of which it says nothing more yet."""

    def begun() -> Path | None:
        for path in folder.glob(f"report/*/*/{scenario}/*"):
            journal = RunFolder(path).history_file
            written = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
            told = [line for line in written if '"op":"fault"' in line]
            if told and '"type":"invoke"' in told[-1]:
                return path
        return None

    def moment() -> str:
        deadline = time.monotonic() + _BEGINNING_S
        while (path := begun()) is None:
            assert time.monotonic() < deadline, f"no fault of {scenario} was seen to begin"
            time.sleep(0.002)
        return f"within a fault of {scenario}, {path.name}"

    return moment


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "kills", [pytest.param(n, marks=pytest.mark.soak, id=name) for n, name in ((8, "soak"), (100, "hours"))]
)
def test_nobody_outlives_a_lab_that_is_killed_and_the_next_one_begins_anew(
    tmp_path: Path, kills: int, record_property: Callable[[str, object], None]
) -> None:
    profile = smaller(SMALL, tmp_path)
    moments = random.Random(SEED)
    for _ in range(kills):
        killed(tmp_path, profile, after(moments.uniform(0.3, LONGEST_S)))
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", "undisturbed", "--quick")
    assert done.code == 0, done.out + done.err
    record_property("tries", kills)
    record_property("held", kills)


@pytest.mark.soak
@pytest.mark.parametrize("scenario", LASTING)
def test_nobody_outlives_a_lab_that_is_killed_in_the_middle_of_a_fault(tmp_path: Path, scenario: str) -> None:
    """Neither who stands still then, nor a second server, nor a crowd; and no file of its controls is left."""
    profile = smaller(SMALL, tmp_path)
    killed(tmp_path, profile, within_a_fault(tmp_path, scenario), "--scenario", scenario)
    assert list((tmp_path / "temporary").iterdir()) == []
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", "undisturbed", "--quick")
    assert done.code == 0, done.out + done.err
