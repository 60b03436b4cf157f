"""A first look stays one: where runs go one at a time it sees fewer of them."""

from __future__ import annotations

from dataclasses import replace

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.estimate import rehearsed
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.sessions.outlook import installed
from tests.lab import THIRD_PARTY

PROTOCOLS = ("2026-07-28", "2025-11-25")
PROFILE = read_profile(THIRD_PARTY / "crashtest.toml")
FIXED_PORT = replace(PROFILE.subject, url="http://127.0.0.1:8000/mcp")


def planned(bench: Bench, budget: Budget) -> dict[str, int]:
    """How many plans each scenario for servers has."""
    of_servers = [(name, play) for name, _, is_client, play in installed() if not is_client]
    return {name: len(rehearsed(play, bench, name, 7, budget)) for name, play in of_servers}


def test_where_runs_go_one_at_a_time_a_first_look_is_one_of_each() -> None:
    together = Bench(PROFILE, PROTOCOLS)
    alone = Bench(replace(PROFILE, subject=FIXED_PORT), PROTOCOLS)
    assert alone.alone
    assert not together.alone
    few, fewer = planned(together, Budget.QUICK), planned(alone, Budget.QUICK)
    assert {name for name, runs in few.items() if runs} == {name for name, runs in fewer.items() if runs}
    assert sum(fewer.values()) < sum(few.values()) * 0.7
    assert planned(alone, Budget.CORE) == planned(together, Budget.CORE)
