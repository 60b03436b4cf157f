"""A planned restart (SIGTERM, as a deployment does it) loses nothing; nor does one that does not wait for the end.

Over stdio a host closes the standard input first; one that was restarted itself has closed both pipes, and waits for
nobody.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.model.faults import OVERLAP
from mcp_crashtest.planning import sequences

RESTARTS, OVERLAPS = 6, 4
MORE = 40


@pytest.mark.crashtest(level=1)
def test_planned_restart(crashtest: Trial) -> None:
    """The server is stopped with SIGTERM, or as a host stops it over stdio, and started again.

    Of several servers all are stopped at once, or one after the other.
    """
    at = (crashtest.protocols, crashtest.workload, crashtest.boundary)
    plans = sequences.restarts(
        crashtest.scenario, *at, seed=crashtest.seed, count=MORE, kinds=crashtest.stops, servers=crashtest.servers
    )
    crashtest.play(plans, core=RESTARTS)


@pytest.mark.crashtest(level=2)
def test_old_and_new_at_once(crashtest: Trial) -> None:
    """The server is told to stop, and its new life begins while the old one still winds down."""
    crashtest.refuse_senseless(OVERLAP)
    at = (crashtest.protocols, crashtest.workload, crashtest.boundary)
    crashtest.play(sequences.overlaps(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=OVERLAPS)
