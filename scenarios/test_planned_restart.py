"""A planned restart (SIGTERM, as a deployment does it) loses nothing; nor does one that does not wait for the end."""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.planning import sequences

RESTARTS, OVERLAPS = 6, 4
MORE = 40


@pytest.mark.crashtest(level=1)
def test_planned_restart(crashtest: Trial) -> None:
    """The server is stopped with SIGTERM, and started again."""
    at = (crashtest.protocols, crashtest.workload, crashtest.boundary)
    crashtest.play(sequences.restarts(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=RESTARTS)


@pytest.mark.crashtest(level=2)
def test_old_and_new_at_once(crashtest: Trial) -> None:
    """The server is told to stop, and its new life begins while the old one still winds down."""
    crashtest.refuse_without_socket()
    at = (crashtest.protocols, crashtest.workload, crashtest.boundary)
    crashtest.play(sequences.overlaps(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=OVERLAPS)
