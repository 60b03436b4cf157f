"""What a session would play on a subject, without playing it."""

from __future__ import annotations

from dataclasses import replace

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.bench import Bench, Golden
from mcp_crashtest.laboratory.estimate import rehearsed
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.sessions.outlook import installed
from tests.lab import THIRD_PARTY

PROTOCOLS = ("2026-07-28", "2025-11-25")
PROFILE = read_profile(THIRD_PARTY / "crashtest.toml")
FIXED_PORT = replace(PROFILE.subject, url="http://127.0.0.1:8000/mcp")


HOOKED = replace(
    PROFILE.subject,
    command=None,
    url="http://127.0.0.1:8000/mcp",
    start_command="sh keep.sh start",
    kill_command="sh keep.sh kill",
    alive_command="sh keep.sh alive",
)


def plans(bench: Bench, budget: Budget) -> dict[str, list[Plan]]:
    """The plans of each scenario for servers."""
    of_servers = [(name, play) for name, _, is_client, play in installed() if not is_client]
    return {name: rehearsed(play, bench, name, 7, budget) for name, play in of_servers}


def planned(bench: Bench, budget: Budget) -> dict[str, int]:
    """How many they are."""
    return {name: len(found) for name, found in plans(bench, budget).items()}


def test_where_runs_go_one_at_a_time_a_first_look_is_one_of_each() -> None:
    together = Bench(PROFILE, PROTOCOLS)
    alone = Bench(replace(PROFILE, subject=FIXED_PORT), PROTOCOLS)
    assert alone.alone
    assert not together.alone
    few, fewer = planned(together, Budget.QUICK), planned(alone, Budget.QUICK)
    assert {name for name, runs in few.items() if runs} == {name for name, runs in fewer.items() if runs}
    assert sum(fewer.values()) < sum(few.values()) * 0.7
    assert planned(alone, Budget.CORE) == planned(together, Budget.CORE)


def sizes(bench: Bench) -> list[Size]:
    """The other sizes of jobs in which the server is killed."""
    return [plan.workload for plan in plans(bench, Budget.CORE)["other-workloads"] if plan.workload]


def test_no_kill_by_a_command_is_tried_on_a_job_that_is_over_before_it() -> None:
    """A command takes longer than a single batch; a job that the lab itself kills may be one."""
    own = Bench(PROFILE, PROTOCOLS, golden=Golden(None, 2.0))
    hooked = replace(own, profile=replace(PROFILE, subject=HOOKED))
    assert any(size.records <= size.batch for size in sizes(own))
    assert sizes(hooked)
    assert all(size.records > size.batch for size in sizes(hooked))
    slow = replace(hooked, golden=Golden(None, 60.0))  # a batch of seconds is not over before a command
    assert sizes(slow) == sizes(own)
