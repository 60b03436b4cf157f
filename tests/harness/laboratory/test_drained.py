"""A server may do its job before it stops: such a restart shows nothing, and is no fault where another one shows it."""

from __future__ import annotations

from pathlib import Path

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.laboratory.play import Outcome, show_nothing
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.proof import NOTHING_RESTARTED
from mcp_crashtest.model.verdict import Judgement


def outcome(*unproven: str) -> Outcome:
    return Outcome(Plan("s", "p", ()), Judgement((), unproven, 0), RunFolder(Path("nowhere")))


DRAINED = outcome(f"terminate server: {NOTHING_RESTARTED}")
OTHER = outcome("terminate server: the run was over before this fault could land")
RESTARTED = outcome()


def test_beside_a_restart_it_is_no_matter() -> None:
    assert show_nothing([DRAINED, RESTARTED, DRAINED]) == []


def test_where_nothing_was_ever_restarted_nothing_is_shown() -> None:
    assert show_nothing([DRAINED, DRAINED]) == [DRAINED, DRAINED]


def test_what_could_not_land_is_not_excused() -> None:
    assert show_nothing([DRAINED, RESTARTED, OTHER]) == [OTHER]
    assert not OTHER.drained
