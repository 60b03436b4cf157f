"""Two stars: SIGKILL of the server, and of server and client, all over the job and at its edges. It resumes exactly."""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.planning import sequences

EVERYWHERE, TOGETHER, AT_THE_EDGES, IN_A_ROW = 66, 12, 12, 4
MORE = 200  # plans behind those that a star is owed


@pytest.mark.crashtest(level=2)
def test_server_killed_everywhere(crashtest: Trial) -> None:
    """The server is killed all over the job, and at every crash point that it has; twice it was started cold."""
    at = (crashtest.protocols, crashtest.workload, crashtest.phases)
    crashtest.play(sequences.all_over(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=EVERYWHERE)


@pytest.mark.crashtest(level=2)
def test_both_killed(crashtest: Trial) -> None:
    """Server and client are killed at once, all over the job; the client comes back at once, or late."""
    at = (crashtest.protocols, crashtest.workload)
    crashtest.play(sequences.together(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=TOGETHER)


@pytest.mark.crashtest(level=2)
def test_killed_at_the_edges(crashtest: Trial) -> None:
    """Kills between submission and first batch, in the last batch, and between it and the answer."""
    at = (crashtest.protocols, crashtest.workload)
    crashtest.play(sequences.edges(crashtest.scenario, *at), core=AT_THE_EDGES)


@pytest.mark.crashtest(level=2)
def test_killed_in_a_row(crashtest: Trial) -> None:
    """The server is killed several times in a row, each time after new progress."""
    at = (crashtest.protocols, crashtest.workload, crashtest.boundary)
    crashtest.play(sequences.in_a_row(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=IN_A_ROW)
