"""Two stars: the client goes away in mid-call without dying: Ctrl-C with a proper goodbye, or a lost connection.

A server hears of it, cancels what it was doing, and may run an error path that undoes what is already stored.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial, Victim, every


@pytest.mark.crashtest(level=2)
def test_client_interrupted(crashtest: Trial) -> None:
    """The client leaves politely (Ctrl-C) in mid-call, and comes back."""
    _at_every_boundary(crashtest, "interrupt")


@pytest.mark.crashtest(level=2)
def test_connection_dropped(crashtest: Trial) -> None:
    """The client's connection drops in mid-call; it connects again."""
    _at_every_boundary(crashtest, "drop")


def _at_every_boundary(trial: Trial, kind: str) -> None:
    boundary = (trial.boundary,)
    trial.play(every(trial.scenario, trial.protocols, kind, Victim.CLIENT, trial.workload, boundary))
