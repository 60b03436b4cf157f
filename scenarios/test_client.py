"""A client is certified: it is killed at every window, alone and together with its server, and comes back exactly.

Its restarted self asks for the task that it had and starts no second one, its state file can be read at every restart,
and it ends with the result of the undisturbed run. For profiles with a [client] table.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Batch, Coordinate, Plan, Trial, Victim, Window, WindowName
from mcp_crashtest.planning.clients import drops, interrupts, kills, moments, outages

EXAMPLES = 24
MOST_KILLS = 5


@pytest.mark.crashtest(level=1, client=True)
def test_client_undisturbed(crashtest: Trial) -> None:
    """The client does its job, with nobody in the way."""
    crashtest.play([Plan(crashtest.scenario, crashtest.protocols[0], ())])


@pytest.mark.crashtest(level=2, client=True)
def test_client_dies_everywhere(crashtest: Trial) -> None:
    """The client is killed before and after the answer to its submission, while it asks, and all along the job."""
    crashtest.play(kills(crashtest.scenario, crashtest.protocols[0], Victim.CLIENT, crashtest.windows))


@pytest.mark.crashtest(level=2, client=True)
def test_client_dies_with_server(crashtest: Trial) -> None:
    """The client is killed together with its server, at the same windows."""
    crashtest.play(kills(crashtest.scenario, crashtest.protocols[0], Victim.BOTH, crashtest.windows))


@pytest.mark.crashtest(level=2, client=True)
def test_client_told_to_leave(crashtest: Trial) -> None:
    """A person presses Ctrl-C at the same windows, and starts the client again."""
    crashtest.play(interrupts(crashtest.scenario, crashtest.protocols[0], crashtest.windows))


@pytest.mark.crashtest(level=2, client=True)
def test_client_loses_connection(crashtest: Trial) -> None:
    """The client's connections are cut while it waits for an answer; it connects again, and goes on with its task."""
    at = crashtest.windows
    crashtest.play(drops(crashtest.scenario, crashtest.protocols[0], at, blocking=crashtest.blocking))


@pytest.mark.crashtest(level=2, client=True)
def test_client_without_server(crashtest: Trial) -> None:
    """The server is killed and stays away for a while; the client waits for it, or is killed meanwhile."""
    places = [at for at in crashtest.windows if _is_of_interest(at)]
    crashtest.play(outages(crashtest.scenario, crashtest.protocols[0], places))


def _is_of_interest(at: Coordinate) -> bool:
    """What a client can know when the server goes differs between these, and not between the batches."""
    if isinstance(at, Batch):
        return at.number == 2
    return isinstance(at, Window) and at.name in (WindowName.ASKING, WindowName.UNANSWERED)


@pytest.mark.crashtest(level=3, client=True)
def test_client_dies_at_random(crashtest: Trial) -> None:
    """The client is killed several times, alone and with its server, at random moments of its lives."""
    crashtest.explore(
        moments(scenario=crashtest.scenario, protocols=crashtest.protocols[:1], most=MOST_KILLS),
        EXAMPLES,
    )
