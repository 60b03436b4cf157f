"""Two stars: SIGKILL of the server, of the client and of both, at every batch boundary. The job resumes exactly."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mcp_crashtest import Phase, Trial, Victim, every


@pytest.mark.crashtest(level=2)
def test_server_killed_everywhere(crashtest: Trial) -> None:
    """The server is killed at every batch boundary, in every phase that it has."""
    _killed(crashtest, Victim.SERVER, crashtest.phases)


@pytest.mark.crashtest(level=2)
def test_client_killed(crashtest: Trial) -> None:
    """The client is killed at every batch boundary, and comes back."""
    _killed(crashtest, Victim.CLIENT, (crashtest.boundary,))


@pytest.mark.crashtest(level=2)
def test_both_killed(crashtest: Trial) -> None:
    """Server and client are killed at once, at every batch boundary."""
    _killed(crashtest, Victim.BOTH, (crashtest.boundary,))


def _killed(trial: Trial, victim: Victim, phases: Sequence[Phase]) -> None:
    trial.play(every(trial.scenario, trial.protocols, "kill", victim, trial.workload, phases))
