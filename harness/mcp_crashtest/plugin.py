"""The pytest plugin: options, the ``crashtest`` fixture, the marker, and what a session came to.

A scenario is a test that takes ``crashtest`` (a ``Trial``) and carries ``@pytest.mark.crashtest(level=...)``. It runs
once for each profile. Nothing happens in sessions that have no such test. Works under xdist: workers play, the
controller sums up.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mcp_crashtest.files import write_json
from mcp_crashtest.model.errors import CrashtestError, SubjectError, UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.reporting.certificate import CERTIFICATE_FORMAT, summary_lines
from mcp_crashtest.reporting.session import Session, unplayed
from mcp_crashtest.verdicts import Unproven, Violation

if TYPE_CHECKING:
    from mcp_crashtest.laboratory import Laboratory
    from mcp_crashtest.trial import Face, Trial

HIGHEST_LEVEL = 3
SESSION = pytest.StashKey[Session]()
FACE: pytest.StashKey[Face] = pytest.StashKey()
_PROFILES: pytest.StashKey[list[Profile]] = pytest.StashKey()
_TRIAL: pytest.StashKey[Trial] = pytest.StashKey()
_PROPERTY = f"crashtest-{CERTIFICATE_FORMAT}"
_NEEDS_KILL = "no right to kill the server: certify it by command"
_GIVE_PROFILE = "give --profile, or --crashtest-profile under pytest"
_FOR_CLIENTS = "this scenario is for clients, and the subject is a server"
_FOR_SERVERS = "this scenario is for servers, and the subject is a client"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare our options, each with our prefix."""
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
    add("--crashtest-quick", action="store_true", help="fewer plans, for a first look")


class Hooks:
    """Hooks that scenario folders implement."""

    @pytest.hookspec(firstresult=True)
    def pytest_crashtest_profiles(self, config: pytest.Config) -> list[Path] | None:
        """The profiles to certify where the user has named none."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our hooks."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker; refuse bad options before anything is collected."""
    config.addinivalue_line(
        "markers",
        "crashtest(level, kills_server=False, client=False): a scenario of mcp-crashtest and the stars it is for; "
        "client: for a client under test, not for a server",
    )
    level = config.getoption("--crashtest-level")
    if level is not None and not 1 <= level <= HIGHEST_LEVEL:
        raise pytest.UsageError(f"--crashtest-level {level}: this version certifies levels 1 to {HIGHEST_LEVEL}")
    if config.getoption("--crashtest-command") and config.getoption("--crashtest-url"):
        raise pytest.UsageError("--crashtest-command and --crashtest-url: give one of them")
    if config.getoption("--crashtest-jobs") < 1:
        raise pytest.UsageError("--crashtest-jobs must be at least 1")
    config.stash.setdefault(SESSION, Session(level, config.getoption("--crashtest-seed"), HIGHEST_LEVEL))
    if not hasattr(config, "workerinput"):  # not a worker of xdist: the controller sums up
        config.pluginmanager.register(Collector(config), "mcp-crashtest-collector")


# --- collection


def profiles_of(config: pytest.Config) -> list[Profile]:
    """The profiles of this session; raises UsageError."""
    from mcp_crashtest.profiles import Target, read_profile

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Read the profiles that the user names before anything is collected: whatever is wrong is a usage error."""
    options = session.config.option
    if options.crashtest_profile or options.crashtest_command or options.crashtest_url:
        try:
            session.config.stash[_PROFILES] = profiles_of(session.config)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each scenario once for each profile."""
    if "crashtest" in metafunc.fixturenames:
        profiles = metafunc.config.stash.get(_PROFILES, None)
        if profiles is None:
            profiles = metafunc.config.stash[_PROFILES] = profiles_of(metafunc.config)
        metafunc.parametrize("crashtest", profiles, ids=[p.name for p in profiles], indirect=True, scope="function")


def subject_of(profile: Profile) -> dict[str, Any]:
    """The subject's identity, for the certificate."""
    spec = profile.subject
    server = {"command": spec.command, "url": spec.url, "contract": profile.contract.kind, "digest": profile.digest}
    return {"client": profile.client.command, **server} if profile.client else server


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the scenarios that were not asked for; play the lower levels first."""
    level = config.getoption("--crashtest-level") or HIGHEST_LEVEL
    named = config.getoption("--crashtest-scenario") or ()
    ours = {scenario_of(item) for item in items if level_of(item)}
    if ours and config.getoption("--crashtest-level"):
        _refuse_level_beyond(items, level)
    for name in named:
        if name not in ours:
            raise pytest.UsageError(f"there is no scenario {name!r}; there are {', '.join(sorted(ours))}")
    left_out = [
        item
        for item in items
        if level_of(item) > level or (level_of(item) and named and scenario_of(item) not in named)
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    if any(level_of(item) for item in items):
        items.sort(key=level_of)
        try:
            prepare_bundle(config)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from error


def _refuse_level_beyond(items: list[pytest.Item], level: int) -> None:
    """Refuse a level for which there is no scenario: what cannot be assessed cannot be asked for."""
    for kind, applying in (("server", False), ("client", True)):
        fitting = [item for item in items if level_of(item) and applies(item) and _is_for_clients(item) == applying]
        highest = max(map(level_of, fitting), default=level)
        if highest < level:
            raise pytest.UsageError(f"level {level}: this version certifies a {kind} for levels 1 to {highest}")


def prepare_bundle(config: pytest.Config) -> Path:
    """Make the report directory ready for this session; raises UsageError for a folder that is not ours."""
    from mcp_crashtest.reporting import bundle

    folder = Path(config.getoption("--crashtest-report"))
    bundle.prepare(folder, os.environ.get("PYTEST_XDIST_TESTRUNUID") or config.stash[SESSION].id)
    return folder


def level_of(item: pytest.Item) -> int:
    """The stars that a scenario is for; 0 for other tests."""
    marker = item.get_closest_marker("crashtest")
    return int(marker.kwargs["level"]) if marker else 0


# --- playing


@pytest.fixture(scope="session")
def crashtest_laboratory(request: pytest.FixtureRequest) -> Generator[Laboratory, None, None]:
    """The session's laboratory: opened by the first scenario, closed with nothing left alive."""
    from mcp_crashtest.laboratory import Laboratory

    config = request.config
    report_dir = prepare_bundle(config)
    jobs = config.getoption("--crashtest-jobs")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    with Laboratory(report_dir, config.getoption("--crashtest-seed"), jobs, worker) as laboratory:
        yield laboratory


@pytest.fixture
def crashtest(request: pytest.FixtureRequest) -> Trial:
    """One scenario on one subject."""
    from mcp_crashtest.reporting import bundle
    from mcp_crashtest.trial import Nobody, Trial

    profile: Profile = request.param
    config = request.config
    marker = request.node.get_closest_marker("crashtest")
    if marker is None:
        raise UsageError(f"{request.node.nodeid} uses crashtest without @pytest.mark.crashtest(level=...)")
    if not applies(request.node):
        pytest.skip(_FOR_SERVERS if profile.client else _FOR_CLIENTS)
    laboratory: Laboratory = request.getfixturevalue("crashtest_laboratory")
    bundle.save_profile(laboratory.report_dir, profile)
    if marker.kwargs.get("kills_server") and profile.subject.command is None:
        pytest.skip(_NEEDS_KILL)
    face = config.stash.get(FACE, None) or Nobody()
    face.sets_up(profile.name)
    trial = Trial(
        laboratory=laboratory,
        bench=laboratory.bench(profile),
        scenario=scenario_of(request.node),
        level=level_of(request.node),
        story=story_of(request.node),
        face=face,
        quick=config.getoption("--crashtest-quick"),
    )
    request.node.stash[_TRIAL] = trial
    trial.face.began(trial)
    return trial


def applies(item: pytest.Item) -> bool:
    """Whether a scenario is for subjects of this kind: a client is not put through a server's scenarios."""
    profile: Profile = item.callspec.params["crashtest"]  # type: ignore[attr-defined]
    return _is_for_clients(item) == (profile.client is not None)


def _is_for_clients(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("crashtest")
    return bool(marker and marker.kwargs.get("client"))


def scenario_of(item: pytest.Item) -> str:
    """A scenario's name: its function's, without ``test_``."""
    name = getattr(item, "originalname", None) or item.name
    return str(name).removeprefix("test_").replace("_", "-")


def story_of(item: pytest.Item) -> str:
    """A scenario's story: the first line of its function's docstring."""
    documented = getattr(getattr(item, "function", None), "__doc__", None) or ""
    return next(iter(documented.strip().splitlines()), "")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what a scenario came to in the words of the lab instead of a traceback, and send it along."""
    report = yield
    if level_of(item) == 0 or (call.when != "call" and call.excinfo is None):
        return report
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, Violation | Unproven | CrashtestError):
        report.longrepr = f"{_kind(error)}: {error}"
    result = _result(item, error)
    if result:
        report.user_properties.append((_PROPERTY, json.dumps(result)))  # text, so that it comes through from a worker
    return report


def _kind(error: BaseException) -> str:
    for kind, name in ((Violation, "FAIL"), (Unproven, "INVALID"), (UsageError, "usage"), (SubjectError, "subject")):
        if isinstance(error, kind):
            return name
    return "harness"


def _result(item: pytest.Item, error: BaseException | None) -> dict[str, Any] | None:
    """A scenario's summary; None when it was ended by hand."""
    reason = str(error) or repr(error) if error else ""
    if isinstance(error, pytest.skip.Exception):
        verdict = Verdict.SKIP
        reason = str(error.msg)
    elif isinstance(error, KeyboardInterrupt | SystemExit):
        return None
    elif error is None:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.FAIL if isinstance(error, Violation) else Verdict.INVALID
    trial = item.stash.get(_TRIAL, None)
    kind = None
    if error and not isinstance(error, Violation | Unproven | pytest.skip.Exception):
        kind = _kind(error)
    profile: Profile = item.callspec.params["crashtest"]  # type: ignore[attr-defined]
    if trial is None:
        summed = unplayed(scenario_of(item), profile.name, level_of(item), verdict, reason)
    else:
        summed = trial.summary(verdict, reason)
    return {**summed, "applies": applies(item), "error": kind, "subject": subject_of(profile)}


class Collector:
    """Takes the scenarios' summaries over, here or from worker processes, and writes the certificate."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.session = config.stash[SESSION]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A scenario is over."""
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, str):
                summary = self.session.add(json.loads(value))
                face = self.config.stash.get(FACE, None)
                if face:
                    face.ended(summary)

    def pytest_sessionfinish(self) -> None:
        """Write the certificate, where there was anything to certify."""
        if self.session.scenarios:
            folder = Path(self.config.getoption("--crashtest-report"))
            write_json(folder / "certificate.json", self.session.certificate())

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what the session came to, and where the evidence lies."""
        if not self.session.scenarios:
            return
        summed = self.session.certificate()
        terminalreporter.section("mcp-crashtest")
        for line in summary_lines(summed):
            terminalreporter.line(line)
        terminalreporter.line(f"evidence: {self.config.getoption('--crashtest-report')}")
