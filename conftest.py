"""For this repository's own sessions: what a session has started is dead when it is over."""

from __future__ import annotations

from collections.abc import Generator

import psutil
import pytest

pytest_plugins = ["pytester"]
collect_ignore = ["harness"]  # its scenarios are those at the top, seen through a link


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left() -> Generator[None, None, None]:
    """Fail the session if a process that it has started outlives it."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    _, alive = psutil.wait_procs(left, timeout=5)
    assert not alive, f"processes are left behind: {alive}"
