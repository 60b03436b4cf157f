"""Three stars, of which these are the first scenarios: no window between two system calls is left out.

A small job's calls on its store, its ledger and its answer are counted, and the server is killed just before each.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.laboratory.counting import sweep


@pytest.mark.crashtest(level=3, asked=True)
def test_every_call(crashtest: Trial) -> None:
    """The server is killed just before each call that touches its store, or answers for its job."""
    sweep(crashtest).before_each()


@pytest.mark.crashtest(level=3, asked=True)
def test_every_call_of_recovery(crashtest: Trial) -> None:
    """The server is killed on the way, and once more before each call of the life that recovers."""
    sweep(crashtest).in_recovery()
