"""The options of a session under pytest, and the profiles that they name. Each carries our prefix."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mcp_crashtest.model.caps import caps_of
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.shard import Shard
from mcp_crashtest.model.verdict import HIGHEST_LEVEL
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.reporting.stars import Selection
from mcp_crashtest.sessions import values

if TYPE_CHECKING:
    from mcp_crashtest.model.baseline import Baseline
    from mcp_crashtest.model.plan import Plan
    from mcp_crashtest.model.profile import Profile

_LOOKED_AT: pytest.StashKey[frozenset[str]] = pytest.StashKey()
_FILES = pytest.StashKey[dict[str, Path]]()
_SHARES = pytest.StashKey[dict[str, float]]()
_FAILED = ("FAIL", "INVALID")
_JUDGED = ("PASS", *_FAILED)
_TARGETS = ("--crashtest-command", "--crashtest-url", "--crashtest-mcp-config")
_GIVE_PROFILE = "give --profile, or --crashtest-profile under pytest"


def add_options(parser: pytest.Parser) -> None:
    """Declare our options."""
    group = parser.getgroup("mcp-crashtest", "mcp-crashtest: kill MCP servers and clients, prove exact resumption")
    add = group.addoption
    add("--crashtest-profile", action="append", metavar="FILE", help="TOML profile of the subject (repeatable)")
    add("--crashtest-subject", action="append", metavar="NAME", help="only this one of the profiles (repeatable)")
    add("--crashtest-look", action="append", metavar="FILE", help="a plan of each scenario on it too (repeatable)")
    add("--crashtest-command", metavar="CMD", help="start the subject with this command instead of the profile's")
    add("--crashtest-url", metavar="URL", help="test the running server at this URL, which the lab may not kill")
    add("--crashtest-mcp-config", metavar="FILE", help="the subject is an entry of this mcp.json, or of another host's")
    add("--crashtest-server", metavar="NAME", help="the name of that entry, where there are several")
    for name, meaning in values.HOOKS.items():
        add(f"--crashtest-{name}", metavar="CMD", help=f"with a URL: {meaning}")
    add(
        "--crashtest-level", type=values.level, metavar="N", help=f"stars to certify, 1 to {HIGHEST_LEVEL} (default: 2)"
    )
    add("--crashtest-seed", type=values.seed, default=0, metavar="N|random", help="seed of all plans (default: 0)")
    add("--crashtest-report", default="crashtest-report", metavar="DIR", help="where the evidence goes (%(default)s)")
    add("--crashtest-compare", metavar="DIR", help="compare with the report in DIR (default: the session before)")
    add(
        "--crashtest-jobs",
        type=values.jobs,
        default=values.usual_jobs(),
        metavar="N|auto",
        help="runs at a time (default: %(default)s)",
    )
    add("--crashtest-scenario", action="append", metavar="NAME", help="only this scenario (repeatable)")
    add("--crashtest-quick", action="store_true", help="a first look: a few plans of every scenario, one star at most")
    add("--crashtest-full", action="store_true", help="all plans of every scenario, not only those that a star is owed")
    add("--crashtest-shard", type=values.shard, metavar="I/N", help="only the I-th of N parts of the plans, as in 2/3")
    add("--crashtest-time-limit", type=values.seconds, metavar="S", help="begin no run after so many seconds")
    for name, meaning in values.OUTCOMES.items():
        add(f"--crashtest-{name}", metavar="FILE", help=meaning)
    add("--crashtest-fail-fast", action="store_true", help="play nothing more once an invariant is broken")
    add(
        "--crashtest-last-failed",
        action="store_true",
        help="only what failed, or proved nothing, when it was last played in DIR",
    )


def refuse_bad(config: pytest.Config) -> None:
    """Refuse bad options before anything is collected; raises pytest.UsageError."""
    level = config.getoption("--crashtest-level")
    if sum(bool(config.getoption(name)) for name in _TARGETS) > 1:
        raise pytest.UsageError(f"{', '.join(_TARGETS)}: give one of them")
    if (other := config.getoption("--crashtest-compare")) and not _is_report(Path(other)):
        raise pytest.UsageError(f"there is no report in {other}: give a report directory to --compare")
    if config.getoption("--crashtest-quick") and config.getoption("--crashtest-full"):
        raise pytest.UsageError("--crashtest-quick and --crashtest-full: give one of them")
    if config.getoption("--crashtest-quick") and level is not None and level > 1:
        raise pytest.UsageError(f"a first look (--quick) earns one star at most: ask for level {level} without it")
    if config.getoption("--crashtest-shard") and config.getoption("--crashtest-last-failed"):
        raise pytest.UsageError("--crashtest-shard and --crashtest-last-failed: give one of them")
    for name, path in reports_of(config).items():
        if path.is_dir():
            raise pytest.UsageError(f"--{name} {path}: that is a folder; give a file")


def selection_of(config: pytest.Config) -> Selection:
    """What was asked for."""
    return Selection(
        level=config.getoption("--crashtest-level"),
        scenarios=tuple(config.getoption("--crashtest-scenario") or ()),
        budget=budget_of(config),
        again=bool(config.getoption("--crashtest-last-failed")),
        shard=shard_of(config),
        time_limit_s=config.getoption("--crashtest-time-limit"),
    )


def shard_of(config: pytest.Config) -> Shard | None:
    """Which part of the plans is played; None for all."""
    given = config.getoption("--crashtest-shard")
    return Shard.parse(given) if given else None


def reports_of(config: pytest.Config) -> dict[str, Path]:
    """The files that the session's outcome is to be written to, by the names of their options."""
    given = {name: config.getoption(f"--crashtest-{name}") for name in values.OUTCOMES if name != "baseline"}
    return {name: Path(file) for name, file in given.items() if file}


def forget_reports(config: pytest.Config) -> None:
    """Remove the reports that an earlier session left: nobody is to take them for this one's."""
    for path in reports_of(config).values():
        with suppress(OSError):
            path.unlink(missing_ok=True)


def baseline_of(config: pytest.Config) -> Baseline | None:
    """The findings that are expected, where a baseline is given; raises pytest.UsageError."""
    file = config.getoption("--crashtest-baseline")
    if not file:
        return None
    from mcp_crashtest.files.baselines import read_baseline

    try:
        return read_baseline(Path(file))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


def budget_of(config: pytest.Config, profile: Profile | None = None) -> Budget:
    """How many plans of each scenario are played, of a certain profile or of most."""
    if profile is not None and profile.name in config.stash[_LOOKED_AT]:
        return Budget.LOOK
    if config.getoption("--crashtest-quick"):
        return Budget.QUICK  # also where there is no time for all of it
    if profile is not None and share_of(config, profile) < 1:
        return Budget.FITTED
    return Budget.FULL if config.getoption("--crashtest-full") else Budget.CORE


def share_of(config: pytest.Config, profile: Profile) -> float:
    """Which share of the plans that are owed is played; 1 for all."""
    return config.stash.get(_SHARES, {}).get(profile.name, 1.0)


def fit(config: pytest.Config, profile: Profile, share: float) -> None:
    """Play no more than this share of the plans that are owed of a profile: there is no time for more."""
    config.stash.setdefault(_SHARES, {})[profile.name] = share


def settle(config: pytest.Config, *, resumes: bool) -> None:
    """Find out once, for all workers, what an option means; raises pytest.UsageError.

    What an earlier session left is asked for its failures before this session takes its place. Of several machines each
    would play them: where there are shards, none does; nor does one that ``resumes`` a session.
    """
    if not resumes and not config.getoption("--crashtest-shard"):
        from mcp_crashtest.files.bundle import Bundle
        from mcp_crashtest.files.corpus import corpus_of

        config.option.crashtest_earlier = [list(one) for one in corpus_of(Bundle(report_dir_of(config)))]
    if config.getoption("--crashtest-last-failed"):
        from mcp_crashtest.files.bundle import Bundle

        try:
            failed = failed_in(Bundle(report_dir_of(config)).certificates())
        except UsageError as error:
            raise pytest.UsageError(str(error)) from error
        if not failed:
            raise pytest.UsageError(f"--last-failed: in {report_dir_of(config)} there is no scenario that has failed")
        config.option.crashtest_again = failed


def failed_in(certificates: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """The profile and name of each scenario that failed when it was last played, the newest session first.

    A session that has played part of what there is leaves the rest as earlier ones have shown it.
    """
    last: dict[tuple[str, str], str] = {}
    for certificate in certificates:
        for s in certificate.get("scenarios", ()):
            if s["verdict"] in _JUDGED:
                last.setdefault((s["profile"], s["id"]), s["verdict"])
        if _is_whole(certificate):
            break
    return [list(scenario) for scenario, verdict in last.items() if verdict in _FAILED]


def _is_whole(certificate: Mapping[str, Any]) -> bool:
    """Whether a session came to its end, and nothing was left out beforehand or on the way."""
    selection = certificate.get("selection") or {}
    partial = any(selection.get(name) for name in ("scenarios", "own", "again"))
    begun = all(s.get("begun", True) for s in certificate.get("scenarios", ()))
    return certificate.get("finished") is not False and not partial and begun


def failed_before(config: pytest.Config) -> list[list[str]] | None:
    """The profile and name of each scenario that is to be played again; None for any."""
    return getattr(config.option, "crashtest_again", None)


def failed_plans(config: pytest.Config, profile: str, scenario: str) -> list[Plan]:
    """The plans of a scenario that have failed in earlier sessions, and are to be played first."""
    from mcp_crashtest.model.plan import Plan

    earlier: list[list[str]] = getattr(config.option, "crashtest_earlier", [])
    return [Plan.from_json(json.loads(text)) for *where, text in earlier if where == [profile, scenario]]


def file_of(config: pytest.Config, profile: Profile) -> Path | None:
    """The file that a profile was read from, as it was named; None for one that is only looked at."""
    return config.stash.get(_FILES, {}).get(profile.name)


def names_a_subject(config: pytest.Config) -> bool:
    """Whether the user has said who is on trial."""
    options = config.option
    return bool(options.crashtest_profile or any(config.getoption(name) for name in _TARGETS))


def profiles_of(config: pytest.Config) -> list[Profile]:
    """The profiles of this session; raises UsageError."""
    from mcp_crashtest.files.profile_files import of_project, only, read_profile, read_profiles
    from mcp_crashtest.files.profiles import Target
    from mcp_crashtest.files.secrets import refuse_missing

    command, url, mcp_config = (config.getoption(name) for name in _TARGETS)
    given = {name: config.getoption(f"--crashtest-{name}") for name in values.HOOKS}
    hooks = {name.replace("-", "_"): command for name, command in given.items() if command}
    config_file = Path(mcp_config) if mcp_config else None
    target = Target(command, url, config_file, config.getoption("--crashtest-server"), hooks)
    if hooks and not target.url:
        raise UsageError(f"--{next(iter(hooks)).replace('_', '-')} is for a server that runs already: give its --url")
    named = [Path(p) for p in config.getoption("--crashtest-profile") or ()]
    if not named and (project := of_project(Path.cwd())) is not None:
        named = [project]
    if not named and target.names_one:
        raise UsageError(
            f"a command, a URL or an entry of an MCP configuration needs a profile that says which tool to call: "
            f"{_GIVE_PROFILE}"
        )
    paths = named or config.hook.pytest_crashtest_profiles(config=config) or []
    looked_at = [read_profile(Path(path)) for path in config.getoption("--crashtest-look") or ()]
    config.stash[_LOOKED_AT] = frozenset(profile.name for profile in looked_at)
    files: dict[str, Path] = config.stash.setdefault(_FILES, {})
    profiles = []
    for path in paths:
        found = read_profiles(path, target)
        files.update((profile.name, Path(path)) for profile in found)
        profiles += found
    profiles = only(profiles, config.getoption("--crashtest-subject") or ())
    names = [profile.name for profile in (*profiles, *looked_at)]
    if len(set(names)) < len(names):
        raise UsageError(f"two profiles have the same name: {', '.join(sorted(names))}")
    if not profiles:
        raise UsageError(f"there is no profile to certify: {_GIVE_PROFILE}")
    for profile in (*profiles, *looked_at):
        refuse_missing(profile)
    for profile in profiles:
        _refuse_unearnable(profile, config.getoption("--crashtest-level"))
    return [*profiles, *looked_at]


def _refuse_unearnable(profile: Profile, level: int | None) -> None:
    """Raise UsageError for a level that this profile can never earn."""
    if level is None:
        return
    for cap in caps_of(profile):
        if cap.stars is not None and cap.stars < level:
            raise UsageError(f"level {level} is out of reach of {profile.name}: {cap}")


def _is_report(folder: Path) -> bool:
    from mcp_crashtest.files.bundle import Bundle

    return Bundle(folder).is_ours


def report_dir_of(config: pytest.Config) -> Path:
    """Where the evidence goes."""
    return Path(config.getoption("--crashtest-report"))
