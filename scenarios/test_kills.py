"""Two stars: SIGKILL of the server, of the client and of both, at every batch boundary. The job resumes exactly."""

from __future__ import annotations

import pytest

from mcp_crashtest.model.plan import Action, Victim
from mcp_crashtest.planning.exhaustive import every
from mcp_crashtest.trial import Trial


@pytest.mark.crashtest(level=2, kills_server=True)
def test_server_killed_everywhere(crashtest: Trial) -> None:
    """The server is killed at every batch boundary, in every phase that it has."""
    for protocol in crashtest.protocols:
        crashtest.play(
            every(crashtest.scenario, protocol, Action.KILL, Victim.SERVER, crashtest.workload, crashtest.phases)
        )


@pytest.mark.crashtest(level=2)
def test_client_killed(crashtest: Trial) -> None:
    """The client is killed at every batch boundary, and comes back."""
    for protocol in crashtest.protocols:
        crashtest.play(
            every(crashtest.scenario, protocol, Action.KILL, Victim.CLIENT, crashtest.workload, (crashtest.boundary,))
        )


@pytest.mark.crashtest(level=2, kills_server=True)
def test_both_killed(crashtest: Trial) -> None:
    """Server and client are killed at once, at every batch boundary."""
    for protocol in crashtest.protocols:
        crashtest.play(
            every(crashtest.scenario, protocol, Action.KILL, Victim.BOTH, crashtest.workload, (crashtest.boundary,))
        )
