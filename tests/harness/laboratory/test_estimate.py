"""What a session takes, said beforehand: a server that cannot be started warm costs its own start each time."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import GOLDEN, Bundle
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.estimate import seconds
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan
from tests.harness.checkers import histories as H
from tests.harness.files.test_bundle import PROFILE

START_S = 7.0
_READY = H.history([[H.Event("lab", Type.OK, Op.READY, {"elapsed_s": START_S})]])
SLOW = replace(_READY, operations=[replace(event, t=START_S) for event in _READY.operations])
PLANS = [Plan("s", "2026-07-28", ())] * 10


@pytest.mark.parametrize(
    ("command", "least_s", "most_s"),
    [
        ("{python} server.py --port {port}", 0, 10),
        (f"{sys.executable} -m server", 0, 10),
        ("node server.js {port}", 7 * 10 / 2, 100),
        ("sh -c 'python server.py", 7 * 10 / 2, 100),
    ],
)
def test_a_start_that_is_a_cold_one_is_counted_for_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, least_s: float, most_s: float
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    profile = replace(PROFILE, subject=replace(PROFILE.subject, command=command))
    bundle = Bundle(tmp_path)
    run = bundle.setting_up(profile, GOLDEN)
    run.open()
    run.history_file.write_text("".join(f"{line}\n" for line in SLOW.to_lines()))
    said_s = seconds(PLANS, Bench(profile), bundle, 4)
    assert least_s <= said_s <= most_s
