"""A failing plan of six faults ends at those that matter within two minutes, and at a line that plays it again."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path

import pytest

from tests.lab import MUTANTS, certify, lab, named

SIX = '''
import pytest
from mcp_crashtest import Batch, Fault, Plan, Victim


@pytest.mark.crashtest(level=2)
def test_six_in_a_row(crashtest):
    """The server is killed six times."""
    faults = tuple(Fault("kill", Victim.SERVER, Batch(number, crashtest.boundary)) for number in range(1, 7))
    crashtest.play([Plan(crashtest.scenario, crashtest.protocols[0], faults)])
'''
_BAR_S = 120


@pytest.mark.soak
@pytest.mark.parametrize(
    ("mutant", "invariant", "matter"), [("last_batch_lost", "records.lost", 1), ("exclusive_epoch", "recovery.loop", 2)]
)
def test_six_faults_end_as_the_few_that_matter(tmp_path: Path, mutant: str, invariant: str, matter: int) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "test_own.py").write_text(SIX, encoding="utf-8")
    began = time.monotonic()
    done = certify(tmp_path / "report", "--profile", MUTANTS / f"{mutant}.toml", "--scenarios", own)
    assert time.monotonic() - began < _BAR_S
    assert done.code == 1, done.out + done.err
    [finding] = [one for one in named(done, "six-in-a-row", mutant)["findings"] if one["invariant"] == invariant]
    assert len(finding["plan"]["faults"]) == matter
    rate = finding["reproduced"]
    assert rate["runs"] == rate["of"] == 3
    again = lab(*shlex.split(finding["replay"])[1:], "--times", 3, "--json", "--report-dir", tmp_path / "again")
    assert again.code == 1
    assert json.loads(again.out)
