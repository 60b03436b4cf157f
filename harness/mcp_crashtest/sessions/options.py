"""The options of a session under pytest, and the profiles that they name. Each carries our prefix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.verdict import HIGHEST_LEVEL
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.reporting.certificate import Selection

if TYPE_CHECKING:
    from mcp_crashtest.model.profile import Profile

_GIVE_PROFILE = "give --profile, or --crashtest-profile under pytest"


def add_options(parser: pytest.Parser) -> None:
    """Declare our options."""
    group = parser.getgroup("mcp-crashtest", "mcp-crashtest: kill MCP servers and clients, prove exact resumption")
    add = group.addoption
    add("--crashtest-profile", action="append", metavar="FILE", help="TOML profile of the subject (repeatable)")
    add("--crashtest-command", metavar="CMD", help="start the subject with this command instead of the profile's")
    add("--crashtest-url", metavar="URL", help="test the running server at this URL, which the lab may not kill")
    add("--crashtest-level", type=int, metavar="N", help=f"stars to certify, 1 to {HIGHEST_LEVEL} (default: all)")
    add("--crashtest-seed", type=int, default=0, metavar="N", help="seed of all plans (default: 0)")
    add("--crashtest-report", default="crashtest-report", metavar="DIR", help="where the evidence goes (%(default)s)")
    add("--crashtest-jobs", type=int, default=2, metavar="N", help="runs at a time (default: 2)")
    add("--crashtest-scenario", action="append", metavar="NAME", help="only this scenario (repeatable)")
    add("--crashtest-quick", action="store_true", help="a few plans of every scenario, for a first look")
    add("--crashtest-full", action="store_true", help="all plans of every scenario, not only those that a star is owed")


def refuse_bad(config: pytest.Config) -> None:
    """Refuse bad options before anything is collected; raises pytest.UsageError."""
    level = config.getoption("--crashtest-level")
    if level is not None and not 1 <= level <= HIGHEST_LEVEL:
        raise pytest.UsageError(f"--crashtest-level {level}: this version certifies levels 1 to {HIGHEST_LEVEL}")
    if config.getoption("--crashtest-command") and config.getoption("--crashtest-url"):
        raise pytest.UsageError("--crashtest-command and --crashtest-url: give one of them")
    if config.getoption("--crashtest-quick") and config.getoption("--crashtest-full"):
        raise pytest.UsageError("--crashtest-quick and --crashtest-full: give one of them")
    if config.getoption("--crashtest-jobs") < 1:
        raise pytest.UsageError("--crashtest-jobs must be at least 1")


def selection_of(config: pytest.Config) -> Selection:
    """What was asked for."""
    return Selection(
        level=config.getoption("--crashtest-level"),
        highest=HIGHEST_LEVEL,
        scenarios=tuple(config.getoption("--crashtest-scenario") or ()),
        budget=budget_of(config),
    )


def budget_of(config: pytest.Config) -> Budget:
    """How many plans of each scenario are played."""
    if config.getoption("--crashtest-quick"):
        return Budget.QUICK
    return Budget.FULL if config.getoption("--crashtest-full") else Budget.CORE


def names_a_subject(config: pytest.Config) -> bool:
    """Whether the user has said who is on trial."""
    options = config.option
    return bool(options.crashtest_profile or options.crashtest_command or options.crashtest_url)


def profiles_of(config: pytest.Config) -> list[Profile]:
    """The profiles of this session; raises UsageError."""
    from mcp_crashtest.files.profiles import Target, read_profile

    target = Target(config.getoption("--crashtest-command"), config.getoption("--crashtest-url"))
    named = [Path(p) for p in config.getoption("--crashtest-profile") or ()]
    if not named and (target.command or target.url):
        raise UsageError(f"a command or a URL needs a profile that says which tool to call: {_GIVE_PROFILE}")
    paths = named or config.hook.pytest_crashtest_profiles(config=config) or []
    profiles = [read_profile(path, target) for path in paths]
    names = [profile.name for profile in profiles]
    if len(set(names)) < len(names):
        raise UsageError(f"two profiles have the same name: {', '.join(sorted(names))}")
    if not profiles:
        raise UsageError(f"there is no profile to certify: {_GIVE_PROFILE}")
    return profiles


def report_dir_of(config: pytest.Config) -> Path:
    """Where the evidence goes."""
    return Path(config.getoption("--crashtest-report"))
