"""Three stars: calls on the store that fail, as on a full disk or a broken one. What was not written is not done.

A job may try again and come out exactly, or fail and say so; a server may end, and is started again.
"""

from __future__ import annotations

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.laboratory.counting import sweep
from mcp_crashtest.laboratory.failing import fail_calls


@pytest.mark.crashtest(level=3, asked=True)
def test_failing_calls(crashtest: Trial) -> None:
    """A call on the store fails (EIO, ENOSPC, EDQUOT, EINTR, a short write): no job says completed that is not."""
    crashtest.refuse_without_process()
    fail_calls(sweep(crashtest))
