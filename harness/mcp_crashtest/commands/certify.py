"""``mcp-crashtest certify`` and ``list``: the same pytest run that anybody can start, with a face of its own.

The scenarios are found as an installed package and run by pytest, with no other plugins and no configuration but
ours, so that the project around cannot change a verdict.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from mcp_crashtest.commands.exit_codes import ExitCode, of_session
from mcp_crashtest.commands.signals import Endings
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import of_project, read_profile
from mcp_crashtest.model.caps import caps_of, unseen
from mcp_crashtest.model.errors import HarnessError, UsageError
from mcp_crashtest.model.events import Listener
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.shard import Shard
from mcp_crashtest.model.standing import Reason, Standing
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.reporting.console import ConsoleFace
from mcp_crashtest.reporting.stars import Selection
from mcp_crashtest.reporting.tally import Tally
from mcp_crashtest.sessions import values
from mcp_crashtest.sessions.catalogue import scenarios_folder, standard
from mcp_crashtest.sessions.collector import LISTENERS, TALLY, UNWRITTEN
from mcp_crashtest.sessions.scenarios import level_of, scenario_of, story_of


class Watcher:
    """A pytest plugin that gives the session its tally and listeners, and keeps what it collected."""

    def __init__(self, tally: Tally, endings: Endings | None, *listeners: Listener) -> None:
        self.tally = tally
        self.endings = endings
        self.listeners = listeners
        self.listed: list[pytest.Item] = []
        self.broken: list[str] = []
        self.interrupted = False
        self._config: pytest.Config | None = None

    @property
    def unwritten(self) -> list[str]:
        """What could not be written of the session, once it is over."""
        return self._config.stash.get(UNWRITTEN, []) if self._config else []

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Put our tally in the place of the plugin's own."""
        self._config = config
        config.stash[TALLY] = self.tally
        config.stash[LISTENERS] = list(self.listeners)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep what was collected. From now on something may be started."""
        if self.endings:
            self.endings.gently()
        self.listed = list(session.items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> None:
        """Begin nothing once it was said to end, however what was raised then has been lost."""
        if self.endings and self.endings.heard:
            raise KeyboardInterrupt

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be collected."""
        if report.failed:
            self.broken.append(report.longreprtext)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Know Ctrl-C from what pytest itself calls an interruption, such as a file that cannot be collected."""
        self.interrupted = excinfo.type is KeyboardInterrupt

    def pytest_internalerror(self, excrepr: object) -> None:
        """Keep what broke."""
        self.broken.append(str(excrepr))


def certify(options: argparse.Namespace) -> int:
    """Run the scenarios; returns the exit code."""
    console = Console(stderr=options.json)
    tally = Tally(_selection(options), options.seed)
    face = None if options.json else ConsoleFace(console, options.report_dir)
    watcher = Watcher(tally, options.endings, *([face] if face else []))
    try:
        status = run_pytest(_arguments(options), watcher)
    except KeyboardInterrupt:  # in the midst of cleaning up
        status, watcher.interrupted = int(pytest.ExitCode.INTERRUPTED), True
    finally:
        if face:
            face.close()
    watcher.interrupted |= options.endings.heard
    if status == pytest.ExitCode.USAGE_ERROR:
        return ExitCode.USAGE
    if watcher.broken and not watcher.interrupted:
        raise HarnessError("\n".join(watcher.broken))
    certificate = tally.certificate(standard())
    if options.json:
        print(json.dumps(certificate, indent=2))
    elif tally.scenarios:
        _point_to_the_page(console, options.report_dir, tally.unsaved)
    if watcher.interrupted:
        so_far = tally.so_far(len(watcher.listed))
        console.print(f"interrupted: {so_far}; nothing is left running", soft_wrap=True, highlight=False)
        return ExitCode.INTERRUPTED
    if not tally.scenarios:
        raise UsageError("no scenario was run")
    if options.quick:
        console.print(f"a first look; the rest: {_rest(options)}", soft_wrap=True, markup=False, highlight=False)
    code = of_session(certificate, tally.errors)
    for said in watcher.unwritten:
        print(f"mcp-crashtest: {said}", file=sys.stderr)
    return ExitCode.NOT_PROVEN if watcher.unwritten and code == ExitCode.CERTIFIED else code


def _point_to_the_page(console: Console, report_dir: str, unsaved: str | None) -> None:
    page = Bundle(Path(report_dir)).page
    console.print(unsaved or f"report: {page}", soft_wrap=True, markup=False, highlight=False)


def _selection(options: argparse.Namespace) -> Selection:
    return Selection(
        level=options.level,
        scenarios=tuple(options.scenario or ()),
        budget=Budget.QUICK if options.quick else Budget.FULL if options.full else Budget.CORE,
        own=options.scenarios is not None,
        again=options.last_failed,
        shard=Shard.parse(options.shard) if options.shard else None,
        time_limit_s=options.time_limit,
    )


def _rest(options: argparse.Namespace) -> str:
    """The command that plays what a first look leaves out."""
    words = ["mcp-crashtest", "certify"]
    words += [word for path in options.profile or () for word in ("--profile", path)]
    words += [word for name in options.subject or () for word in ("--subject", name)]
    words += [word for name in options.scenario or () for word in ("--scenario", name)]
    for name in ("command", "url", "mcp-config", "server", *values.HOOKS, "scenarios"):
        if (given := getattr(options, name.replace("-", "_"))) is not None:
            words += [f"--{name}", str(given)]
    words += ["--baseline", options.baseline] if options.baseline else []
    return shlex.join(words + (["--seed", str(options.seed)] if options.seed else []))


def list_scenarios(options: argparse.Namespace) -> int:
    """Print the scenarios: stars, name, story; with a profile those for it, and what it keeps from being assessed."""
    profile = read_profile(Path(options.profile)) if options.profile else None
    watcher = Watcher(Tally(Selection(None), seed=0), None)
    by_name = [f"--crashtest-scenario={listed.id}" for listed in standard()]  # of every level
    run_pytest([str(scenarios_folder()), "--collect-only", *by_name], watcher)
    if watcher.broken:
        raise HarnessError("\n".join(watcher.broken))
    mine = {listed.id for listed in standard() if profile is None or listed.client == (profile.client is not None)}
    rows = sorted({(level_of(item), scenario_of(item), story_of(item)) for item in watcher.listed})
    rows = [row for row in rows if row[1] in mine]
    if options.json:
        print(json.dumps([{"id": name, "level": level, "story": story} for level, name, story in rows], indent=2))
        return ExitCode.CERTIFIED
    senseless = _senseless(watcher.listed, profile) if profile else {}
    for level, name, story in rows:
        told = str(Reason(Standing.NOT_APPLICABLE, senseless[name])) if name in senseless else story
        print(f"{'*' * level:<6}{name:<26}{told}")
    for cap in caps_of(profile) if profile else ():
        print(cap.said)
    for invariant, why in unseen(profile).items() if profile else ():
        print(f"{invariant}: {why}")
    return ExitCode.CERTIFIED


def _senseless(items: list[pytest.Item], profile: Profile) -> dict[str, str]:
    """Each scenario that makes no sense for this subject, with the reason."""
    from mcp_crashtest.laboratory.estimate import why_senseless

    found = {}
    for item in items:
        if isinstance(item, pytest.Function) and (why := why_senseless(item.obj, profile, scenario_of(item))):
            found[scenario_of(item)] = why
    return found


def _arguments(options: argparse.Namespace) -> list[str]:
    arguments = [str(options.scenarios or scenarios_folder())]
    hooks = [name.replace("-", "_") for name in values.HOOKS]
    plain = ("command", "url", "mcp_config", "server", *hooks, "level", "time_limit", "shard", "compare")
    for name in (*plain, *values.OUTCOMES):
        if getattr(options, name) is not None:
            arguments.append(f"--crashtest-{name.replace('_', '-')}={getattr(options, name)}")
    project = None if options.profile else of_project(Path.cwd())
    arguments += [f"--crashtest-profile={Path(p).resolve()}" for p in options.profile or ([project] if project else ())]
    arguments += [f"--crashtest-look={Path(p).resolve()}" for p in options.look or ()]
    arguments += [f"--crashtest-subject={name}" for name in options.subject or ()]
    arguments += [f"--crashtest-scenario={name}" for name in options.scenario or ()]
    arguments += [f"--crashtest-seed={options.seed}", f"--crashtest-report={options.report_dir}"]
    arguments += [f"--crashtest-jobs={options.jobs}"]
    flags = ("quick", "full", "fail_fast", "last_failed")
    return arguments + [f"--crashtest-{name.replace('_', '-')}" for name in flags if getattr(options, name)]


def run_pytest(arguments: list[str], *watchers: object) -> int:
    """Run pytest with nothing around it but this plugin; returns its exit code. The folder of scenarios comes first."""
    folder = scenarios_folder()
    ours = [
        "-c",
        os.devnull,
        f"--rootdir={folder.parent}",
        f"--confcutdir={folder}",
        "--capture=no",
        "--strict-markers",
    ]
    plugins = ["-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "mcp_crashtest.plugin"]
    if arguments[0] == str(folder):  # in ours there is no assertion to be rewritten
        ours.append("--assert=plain")
    with _no_other_plugins():
        return int(pytest.main([*arguments, *ours, *plugins], plugins=[*watchers]))


@contextmanager
def _no_other_plugins() -> Iterator[None]:
    changed = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_bytecode
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
