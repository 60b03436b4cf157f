"""Exit codes: one table, and a violation is never masked."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.commands.exit_codes import MEANINGS, ExitCode, explained, of_error, of_session, of_verdict
from mcp_crashtest.model.errors import CrashtestError, HarnessError, SubjectError, UsageError
from mcp_crashtest.model.verdict import Verdict
from tests.harness.reporting.test_certificate import scenario, summed

README = Path(__file__).resolve().parents[3] / "README.md"


@pytest.mark.parametrize(
    ("verdicts", "asked", "errors", "code"),
    [
        (["PASS", "PASS"], None, [], 0),
        (["PASS", "PASS"], 2, [], 0),
        (["PASS", "SKIP"], None, [], 4),
        (["PASS", "SKIP"], 2, [], 4),
        (["PASS", "FAIL"], None, [], 1),
        (["FAIL", "INVALID"], None, ["harness", "subject"], 1),
        (["PASS", "INVALID"], None, [], 4),
        (["INVALID", "INVALID"], None, ["subject"], 3),
        (["INVALID", "INVALID"], None, ["subject", "harness"], 4),
        (["INVALID", "INVALID"], None, ["usage"], 2),
    ],
)
def test_the_exit_code_follows_from_the_worst_verdict_and_never_masks_a_violation(
    verdicts: list[str], asked: int | None, errors: list[str], code: int
) -> None:
    scenarios = [scenario(level, verdict) for level, verdict in enumerate(verdicts, start=1)]
    assert of_session(summed(*scenarios, asked=asked), errors) == code


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError, 2), (SubjectError, 3), (HarnessError, 4), (CrashtestError, 4)]
)
def test_an_error_says_who_is_to_blame(error: type[CrashtestError], code: int) -> None:
    assert of_error(error("said")) == code


def test_every_verdict_has_its_code() -> None:
    assert [of_verdict(verdict) for verdict in Verdict] == [0, 0, 4, 1]


def test_every_code_has_its_meaning_in_the_help_and_in_the_readme() -> None:
    assert set(MEANINGS) == set(ExitCode)
    text = README.read_text(encoding="utf-8")
    for code, meaning in MEANINGS.items():
        assert f"{code.value:>3}  {meaning}" in explained()
        assert f"| {code.value} | {meaning} |" in text
