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

from tests.lab import SMALL, certify, environment, smaller

SEED = 20_26
LONGEST_S = 4.0
_LEAVING_S = 10.0


def of_session(folder: Path) -> list[psutil.Process]:
    """Whoever has this folder in the command line or environment, which everybody of a session has."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(folder) in f"{process.cmdline()} {process.environ()}":
                found.append(process)
    return found


def killed(folder: Path, profile: Path, after_s: float) -> None:
    """A session that is killed so long after its start; asserts that nobody of it is left."""
    command = [sys.executable, "-m", "mcp_crashtest.cli", "certify", "--profile", str(profile)]
    with subprocess.Popen(
        [*command, "--report-dir", str(folder / "report")],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as lab:
        time.sleep(after_s)
        family = psutil.Process(lab.pid).children(recursive=True)
        lab.kill()
    _, left = psutil.wait_procs(family, timeout=_LEAVING_S)
    assert left == [], f"after {after_s:.3f} s"
    deadline = time.monotonic() + _LEAVING_S
    while left := of_session(folder):
        assert time.monotonic() < deadline, f"after {after_s:.3f} s: {left}"
        time.sleep(0.05)


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
        killed(tmp_path, profile, moments.uniform(0.3, LONGEST_S))
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", "undisturbed", "--quick")
    assert done.code == 0, done.out + done.err
    record_property("tries", kills)
    record_property("held", kills)
