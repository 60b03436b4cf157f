"""Two stars: what was done stays done. After the end the server is killed once more, and asked again."""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.model.standing import BLOCKING
from mcp_crashtest.planning import sequences

AFTERLIVES = 6
MORE = 20


@pytest.mark.crashtest(level=2)
def test_afterlife(crashtest: Trial) -> None:
    """The job is done, the server is killed, and a new client reads status and result again."""
    if crashtest.blocking:  # only the call itself could be asked for, which would be another one
        return crashtest.play([], without=BLOCKING.text)
    at = (crashtest.protocols, crashtest.workload)
    return crashtest.play(
        sequences.afterlives(crashtest.scenario, *at, seed=crashtest.seed, count=MORE), core=AFTERLIVES
    )
