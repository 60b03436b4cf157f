"""The plain loop of kills, in sizes for each run: every output is exact, however often and whoever is killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.crash_loop import run

SEED = 2026
SERVER, CLIENT, BOTH = frozenset({"server"}), frozenset({"client"}), frozenset({"server", "client"})
IN_CI = pytest.mark.soak
FOR_HOURS = [pytest.mark.soak, pytest.mark.timeout(7200)]


@pytest.mark.parametrize(
    ("victims", "kills"),
    [
        pytest.param(SERVER, 60, id="server-some", marks=IN_CI),
        pytest.param(BOTH, 6, id="everything-some", marks=IN_CI),
        pytest.param(SERVER, 2000, id="server-hours", marks=FOR_HOURS),
        pytest.param(CLIENT, 500, id="client-hours", marks=FOR_HOURS),
        pytest.param(BOTH, 20, id="everything-hours", marks=FOR_HOURS),
    ],
)
def test_every_output_is_exact_over_kills_at_random_moments(
    tmp_path: Path, record_property: Callable[[str, object], None], victims: frozenset[str], kills: int
) -> None:
    killed = run(tmp_path, victims, kills, SEED)
    assert killed >= kills
    record_property("tries", killed)
    record_property("held", killed)
