"""Two stars: the server is killed, and stays away for two batches. Who works on meanwhile is not dead."""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.planning import sequences

AWAY = 3
MORE = 20


@pytest.mark.crashtest(level=2)
def test_server_away(crashtest: Trial) -> None:
    """The server is killed and stays away for two batches, in which nobody works."""
    at = (crashtest.protocols, crashtest.workload)
    crashtest.play(sequences.away(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=AWAY)
