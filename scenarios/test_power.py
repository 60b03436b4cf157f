"""Five stars, of which this is the first scenario: what a server has acknowledged survives the power; and its proof.

Also, for three stars: whether this test would have noticed. What the server was promised is taken away on purpose.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.laboratory.power import FEW, MANY, recorded


@pytest.mark.crashtest(level=5, asked=True)
def test_power_loss(crashtest: Trial) -> None:
    """The power fails all over a small job: what was not synced is lost, in every way that makes a difference."""
    recorded(crashtest, MANY).cut_everywhere()


@pytest.mark.crashtest(level=3, asked=True)
def test_sabotage_noticed(crashtest: Trial) -> None:
    """Its syncs are undone, its answers made early, its last write torn: if nobody notices, the test is blind."""
    recorded(crashtest, FEW).sabotage()
