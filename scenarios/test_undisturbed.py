"""One star: the job is done when nobody is in the way, over every protocol revision that the subject speaks."""

from __future__ import annotations

import pytest

from mcp_crashtest import Plan, Trial


@pytest.mark.crashtest(level=1)
def test_undisturbed(crashtest: Trial) -> None:
    """Nobody is in the way."""
    crashtest.play(Plan(crashtest.scenario, protocol, ()) for protocol in crashtest.protocols)
