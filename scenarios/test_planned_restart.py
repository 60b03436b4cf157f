"""One star: a planned restart (SIGTERM, as a deployment does it) loses nothing."""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.planning import sequences

RESTARTS = 6
MORE = 40


@pytest.mark.crashtest(level=1)
def test_planned_restart(crashtest: Trial) -> None:
    """The server is stopped with SIGTERM, and started again."""
    at = (crashtest.protocols, crashtest.workload, crashtest.boundary)
    crashtest.play(sequences.restarts(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=RESTARTS)
