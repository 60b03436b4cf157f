"""Nobody whom the lab has started outlives it, however it goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

SLEEPERS = {"601", "602", "603", "604", "605"}
ROOT = Path(__file__).resolve().parents[3]
_DEADLINE_S = 20.0
_LEAVING_S = 5.0


def sleepers(family: list[psutil.Process]) -> set[str]:
    found = set()
    for process in family:
        with suppress(psutil.Error):
            found |= {word for word in process.cmdline() if word in SLEEPERS and process.name() == "sleep"}
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("company", ["alone", "forked"])
def test_nobody_outlives_a_lab_that_gets(number: signal.Signals, company: str, tmp_path: Path) -> None:
    lab = subprocess.Popen(
        [sys.executable, "-m", "tests.harness.subjects.a_lab", str(tmp_path), company],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    companion = None
    try:
        assert lab.stdout
        companion = psutil.Process(int(lab.stdout.readline()))
        family = whole_family(lab.pid)
        if number is signal.SIGINT:
            os.killpg(lab.pid, number)  # as a terminal does
        else:
            os.kill(lab.pid, number)
        _, alive = psutil.wait_procs(family, timeout=_LEAVING_S)
        assert alive == []
        assert lab.wait(_DEADLINE_S) in (0, -number)
    finally:
        lab.kill()
        if companion is not None:
            with suppress(psutil.NoSuchProcess):
                companion.kill()
        lab.communicate()


def whole_family(lab: int) -> list[psutil.Process]:
    """Everybody below the guard, once the last of the subjects' children is there; and the guard."""
    process, deadline = psutil.Process(lab), time.monotonic() + _DEADLINE_S
    while sleepers(process.children(recursive=True)) != SLEEPERS:
        assert time.monotonic() < deadline, "not everybody has been started"
        time.sleep(0.01)
    (guard,) = (child for child in process.children() if "mcp_crashtest.subjects.guard" in child.cmdline())
    return [guard, *guard.children(recursive=True)]
