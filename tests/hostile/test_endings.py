"""Ctrl-C and SIGTERM at any moment, also while it imports: a sentence, the documented code, and nothing is left."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.lab import SMALL, environment, smaller

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
MOMENTS = 4
LONGEST_S = 1.5


def listens(pid: int) -> bool:
    """Whether a process handles SIGTERM by itself: before that it has not come to our first line."""
    caught = Path(f"/proc/{pid}/status").read_text().partition("SigCgt:")[2].split()[0]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def ended(number: signal.Signals, after_s: float, *arguments: object) -> tuple[int, str]:
    """Exit code and words of a lab that is told to end so long after it has begun to listen."""
    command = [sys.executable, "-m", "mcp_crashtest.entry", "certify", *map(str, arguments)]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as lab:
        while not listens(lab.pid):
            time.sleep(0.001)
        time.sleep(after_s)
        family = psutil.Process(lab.pid).children(recursive=True)
        lab.send_signal(number)
        said, _ = lab.communicate(timeout=60)
    _, left = psutil.wait_procs(family, timeout=20)
    assert left == []
    return lab.returncode, said


@pytest.mark.parametrize("moments", [MOMENTS, pytest.param(30, marks=pytest.mark.soak)])
@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_at_any_moment_it_ends_with_a_sentence_and_its_code(
    tmp_path: Path, number: signal.Signals, moments: int, record_property: Callable[[str, object], None]
) -> None:
    profile = smaller(SMALL, tmp_path)
    held = 0
    for moment in range(moments):
        after_s = LONGEST_S * (moment / moments) ** 2  # the imports come first
        code, said = ended(number, after_s, "--profile", profile, "--report-dir", tmp_path / "report")
        assert code == CODES[number], f"after {after_s:.3f} s: {said}"
        assert "Traceback" not in said
        assert "Exception ignored" not in said
        assert said.strip().splitlines()[-1].endswith("nothing is left running")
        held += 1
    record_property("tries", moments)
    record_property("held", held)
