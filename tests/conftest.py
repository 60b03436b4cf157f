"""For all tests: what was started warm ends with the session.

Where Ctrl-C is ignored, as in a shell's background job, what we start would ignore it as well.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests import warm

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def nobody_stays_warm() -> Iterator[None]:
    """The fork server ends, and all that it has started."""
    yield
    warm.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What belongs together and takes long comes first: else one worker has it left over at the end."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
