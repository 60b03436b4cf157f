"""For all tests: what was started warm ends with the session.

Properties are tried with fewer examples than is Hypothesis' custom; ``--hypothesis-profile=default`` takes its number.
Where Ctrl-C is ignored, as in a shell's background job, what we start would ignore it as well.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import warm
from tests.reference_server import places

HERE = Path(__file__).resolve().parent

# On a busy machine an example takes long for no fault of its own.
settings.register_profile("brief", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("brief")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the reference server's tests have their stores."""
    parser.addoption(
        "--reference-store",
        choices=["sqlite", "postgres"],
        default="sqlite",
        help="the database of the reference server's tests; with another, those about the SQLite file are left out",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Tell those who make stores."""
    places.chosen = config.getoption("--reference-store")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what is about the file."""
    if places.chosen != "sqlite" and item.get_closest_marker("sqlite"):
        pytest.skip("about the SQLite file itself")


@pytest.fixture(scope="session", autouse=True)
def nobody_stays_warm() -> Iterator[None]:
    """The fork server ends, and all that it has started."""
    yield
    warm.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in which the whole lab plays come first: else one worker has a long file left over at the end."""
    items.sort(key=lambda item: item.path.parent != HERE)
