"""Two stars: the client goes away, by a kill, a proper goodbye or a lost connection, and comes back early or late.

A server may hear of it, cancel what it was doing, and run an error path that undoes what is already stored; and who
comes back before that was done meets what is left of the call before. Over stdio a killed client's server meets the end
of its pipes: it winds down while its new life is there, or works on.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.planning import sequences

LEAVES = 13


@pytest.mark.crashtest(level=2)
def test_client_killed(crashtest: Trial) -> None:
    """The client is killed, and comes back at once, within the batch, after it, or late."""
    _leaves(crashtest, "kill")


@pytest.mark.crashtest(level=2)
def test_client_interrupted(crashtest: Trial) -> None:
    """The client leaves politely (Ctrl-C) in mid-call, and comes back at once, within the batch, after it, or late."""
    _leaves(crashtest, "interrupt")


@pytest.mark.crashtest(level=2)
def test_connection_dropped(crashtest: Trial) -> None:
    """The client's connection drops in mid-call; it connects again at once, within the batch, after it, or late."""
    _leaves(crashtest, "drop")


def _leaves(trial: Trial, kind: str) -> None:
    trial.refuse_senseless(kind)
    at = (trial.workload, trial.boundary)
    plans = sequences.leaving(trial.scenario, trial.protocols, kind, *at, seed=trial.seed)
    trial.play(plans, core=LEAVES)
