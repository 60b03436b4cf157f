"""Runs that the last version with history format 1 has recorded and judged are judged the same today.

``format_1/runs.jsonl.gz`` has a run a line: its history, line by line, and its judgement; one run for each contract,
kind of subject, scenario and outcome that its reference pair and its mutants came to.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.commands.recheck import essence
from mcp_crashtest.model.operation import History

SAVED = Path(__file__).resolve().parent / "format_1" / "runs.jsonl.gz"
RUNS: list[dict[str, Any]] = [json.loads(line) for line in gzip.decompress(SAVED.read_bytes()).splitlines()]


@pytest.mark.parametrize("saved", RUNS, ids=[run["run"] for run in RUNS])
def test_a_run_of_format_1_is_judged_as_it_was(saved: dict[str, Any]) -> None:
    judgement = judge(History.from_lines(saved["history"])).to_json()
    assert essence(judgement) == essence(saved["judgement"])


@pytest.mark.parametrize("saved", RUNS, ids=[run["run"] for run in RUNS])
def test_a_run_of_format_1_comes_back_from_format_2(saved: dict[str, Any]) -> None:
    history = History.from_lines(saved["history"])
    again = History.from_lines(history.to_lines())
    assert (again.header, list(again.operations)) == (history.header, list(history.operations))
    assert essence(judge(again).to_json()) == essence(saved["judgement"])


def test_what_was_saved_holds_every_verdict_and_many_violations() -> None:
    verdicts = Counter(run["judgement"]["verdict"] for run in RUNS)
    assert verdicts["PASS"] > 20
    assert verdicts["INVALID"] > 0
    broken = {finding["invariant"] for run in RUNS for finding in run["judgement"]["findings"]}
    assert {"records.lost", "records.duplicated", "effects.rework", "task.vanished", "recovery.loop"} <= broken
