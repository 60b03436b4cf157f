"""The pytest plugin: options, the ``crashtest`` fixture, the marker, and what a session came to.

A scenario is a test that takes ``crashtest`` (a ``Trial``) and carries ``@pytest.mark.crashtest(level=...)``. It runs
once for each profile. Nothing happens in sessions that have no such test. Works under xdist: workers play, the
controller sums up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from mcp_crashtest.model.errors import NoRoom, NotApplicable, NotAssessed, UsageError
from mcp_crashtest.model.events import SettingUp, TrialBegan, TrialEnded
from mcp_crashtest.model.platforms import refusal
from mcp_crashtest.model.secrets import kept, masked
from mcp_crashtest.model.shard import ELSEWHERE, WHOLE
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.reporting.tally import Tally
from mcp_crashtest.sessions import options, scenarios
from mcp_crashtest.sessions.collector import LISTENERS, TALLY, Collector, is_worker, refuse, send_along, tell
from mcp_crashtest.sessions.gate import GATE, Gate

if TYPE_CHECKING:
    from mcp_crashtest.files.bundle import Bundle
    from mcp_crashtest.laboratory.laboratory import Laboratory
    from mcp_crashtest.laboratory.trial import Trial
    from mcp_crashtest.model.profile import Profile

_HELD = pytest.StashKey[IO[str]]()
_ESTIMATED = pytest.StashKey[set[str]]()
_PROFILES: pytest.StashKey[list[Profile]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare our options."""
    options.add_options(parser)


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
    config.addinivalue_line("markers", scenarios.MARK)
    options.refuse_bad(config)
    baseline = options.baseline_of(config)
    limit_s, fail_fast = (config.getoption(f"--crashtest-{name}") for name in ("time-limit", "fail-fast"))
    gate = config.stash.setdefault(GATE, Gate(limit_s, fail_fast))
    if not is_worker(config):
        options.settle(config, resumes=gate.resumes)
        if not config.getoption("collectonly"):
            options.forget_reports(config)
    if TALLY not in config.stash:
        config.stash[TALLY] = Tally(options.selection_of(config), config.getoption("--crashtest-seed"))
    config.stash[TALLY].baseline = baseline
    config.stash.setdefault(LISTENERS, []).insert(0, config.stash[TALLY])
    if not is_worker(config):  # the controller sums up
        config.pluginmanager.register(Collector(config), "mcp-crashtest-collector")


# --- collection


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Read the profiles that the user names before anything is collected: whatever is wrong is a usage error."""
    if options.names_a_subject(session.config):
        try:
            session.config.stash[_PROFILES] = options.profiles_of(session.config)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each scenario once for each profile."""
    if "crashtest" in metafunc.fixturenames:
        profiles = metafunc.config.stash.get(_PROFILES, None)
        if profiles is None:
            try:
                profiles = metafunc.config.stash[_PROFILES] = options.profiles_of(metafunc.config)
            except UsageError as error:
                raise pytest.UsageError(str(error)) from error
        metafunc.parametrize("crashtest", profiles, ids=[p.name for p in profiles], indirect=True, scope="function")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the scenarios that were not asked for; play the lower levels first."""
    try:
        if scenarios.select(config, items) and not config.getoption("collectonly"):
            _prepared(config)
    except (UsageError, pytest.UsageError) as error:
        refuse(config, items, str(error))


def _prepared(config: pytest.Config) -> Bundle:
    """This session's bundle, ready; raises UsageError for a folder that is not ours."""
    if (refused := refusal(sys.platform, [])) is not None:
        raise UsageError(refused)
    from mcp_crashtest.files.bundle import Bundle

    bundle = Bundle(options.report_dir_of(config), os.environ.get("PYTEST_XDIST_WORKER", ""))
    if _HELD not in config.stash:
        held = bundle.prepare(os.environ.get("PYTEST_XDIST_TESTRUNUID") or config.stash[TALLY].id)
        config.stash[_HELD] = held
        config.add_cleanup(held.close)
    return bundle


# --- playing


@pytest.fixture(scope="session")
def crashtest_laboratory(request: pytest.FixtureRequest) -> Generator[Laboratory, None, None]:
    """The session's laboratory: opened by the first scenario, closed with nothing left alive."""
    from mcp_crashtest.laboratory.laboratory import Laboratory

    config = request.config
    seed, jobs = config.getoption("--crashtest-seed"), config.getoption("--crashtest-jobs")
    gate = config.stash[GATE]
    with Laboratory(_prepared(config), seed, jobs, lambda: gate.over, resumes=gate.resumes) as laboratory:
        yield laboratory


@pytest.fixture
def crashtest(request: pytest.FixtureRequest) -> Trial:
    """One scenario on one subject."""
    from mcp_crashtest.files.storage import room_for
    from mcp_crashtest.laboratory.trial import Trial

    item, profile = request.node, request.param
    if item.get_closest_marker("crashtest") is None:
        raise UsageError(f"{item.nodeid} uses crashtest without @pytest.mark.crashtest(level=...)")
    if (reason := scenarios.why_not(item)) is not None:
        pytest.skip(reason)
    if (reason := item.config.stash[GATE].closed()) is not None:
        item.stash[scenarios.UNBEGUN] = True
        pytest.skip(reason)
    laboratory: Laboratory = request.getfixturevalue("crashtest_laboratory")
    with room_for(laboratory.bundle.folder):
        laboratory.bundle.save_profile(profile)
    tell(item, SettingUp(profile.name))
    beside = [] if is_worker(item.config) else _profiles_to_come(item)
    bench = laboratory.bench(profile, beside)
    _estimate(item, laboratory, len(beside))
    trial = Trial(
        laboratory=laboratory,
        bench=bench,
        scenario=scenarios.scenario_of(item),
        level=scenarios.level_of(item),
        story=scenarios.story_of(item),
        listener=partial(tell, item),
        budget=options.budget_of(request.config, profile),
        share=options.share_of(request.config, profile),
        shard=options.shard_of(request.config) or WHOLE,
    )
    item.stash[scenarios.TRIAL] = trial
    tell(item, TrialBegan(profile.name, trial.scenario, trial.level, trial.story))
    return trial


def _profiles_to_come(item: pytest.Item) -> list[Profile]:
    """Those that any scenario of this session is played on."""
    profiles = item.config.stash.get(_PROFILES, [])
    return [profile for profile in profiles if any(scenarios.is_for(other, profile) for other in item.session.items)]


def _estimate(item: pytest.Item, laboratory: Laboratory, profiles: int) -> None:
    """Once for each subject: about how much is to come. A worker does not know what the others will play.

    Of the time that is left each of the profiles that are to come has the same part.
    """
    profile, said = scenarios.profile_of(item), item.config.stash.setdefault(_ESTIMATED, set())
    if is_worker(item.config) or profile.name in said:
        return
    from mcp_crashtest.sessions.forecast import forecast

    left_s = item.config.stash[GATE].left_s
    found, share = forecast(item, laboratory, None if left_s is None else left_s / max(profiles - len(said), 1))
    said.add(profile.name)
    options.fit(item.config, profile, share)
    tell(item, found)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """What the lab may not do, or had no time for, is not assessed: the scenario is skipped, its reason is the cap."""
    trial = pyfuncitem.stash.get(scenarios.TRIAL, None)
    try:
        if trial is not None and (earlier := options.failed_plans(pyfuncitem.config, *scenarios.place_of(pyfuncitem))):
            trial.play_again(earlier)
        done = yield
        if trial is not None and trial.laboratory.cut_short:
            pytest.skip(pyfuncitem.config.stash[GATE].why_over)
        if trial is not None and trial.shard != WHOLE and trial.planned and not trial.outcomes:
            pytest.skip(ELSEWHERE)
        return done
    except NotAssessed as error:
        pytest.skip(str(error))
    except NotApplicable as error:
        pyfuncitem.stash[scenarios.INAPPLICABLE] = True
        pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what a scenario came to in the words of the lab instead of a traceback, and send it along."""
    report = yield
    if scenarios.level_of(item) == 0 or (call.when != "call" and call.excinfo is None):
        return report
    error = call.excinfo.value if call.excinfo else None
    if error and scenarios.is_ours(error):
        report.longrepr = f"{scenarios.kind_of(error)}: {error}"
    elif error and kept():
        report.longrepr = masked(str(report.longrepr))
    summary = scenarios.summary_of(item, error)
    if summary:
        gate = item.config.stash[GATE]
        gate.spoiled = str(error) if isinstance(error, NoRoom) else gate.spoiled
        gate.violated = gate.violated or summary["verdict"] == Verdict.FAIL.name
        summary["took_s"] = round(call.duration, 3)
        item.user_properties.extend(scenarios.properties_of(summary, item.config.getoption("--crashtest-seed")))
        scenarios.pardon(report, summary, item.config.stash[TALLY].baseline)
        send_along(item, report, TrialEnded(summary))
    return report
