"""Records that differ from run to run without any fault are the profile's mistake, and no server is accused of them."""

from __future__ import annotations

from pathlib import Path

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.steady import differs_in_content_alone, mistake_in
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Finding, Judgement
from tests.lab import THIRD_PARTY


def outcome(*invariants: str) -> Outcome:
    findings = tuple(Finding(name, "103 records differ from the golden run's", (1,), {}) for name in invariants)
    return Outcome(Plan("undisturbed", "p", ()), Judgement(findings, (), 0), RunFolder(Path("nowhere")))


def test_where_an_undisturbed_run_differs_too_the_line_to_add_is_said() -> None:
    mistake = mistake_in(read_profile(THIRD_PARTY / "crashtest.toml"), outcome("records.content"))
    assert isinstance(mistake, UsageError)
    assert "two undisturbed runs of crashtest do not have the same records" in str(mistake)
    assert str(mistake).endswith("[claims]\n  deterministic = false")


def test_who_differs_behind_a_fault_alone_or_in_more_is_accused_as_ever() -> None:
    assert mistake_in(read_profile(THIRD_PARTY / "crashtest.toml"), outcome()) is None
    assert not differs_in_content_alone(outcome("records.content", "records.lost"))
    assert differs_in_content_alone(outcome("records.content"))
