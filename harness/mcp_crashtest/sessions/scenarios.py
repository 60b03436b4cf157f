"""Scenarios among pytest's items: what their marks say, which of them a session plays, and what one came to.

A scenario is a test that takes ``crashtest`` and carries ``@pytest.mark.crashtest(level=...)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from mcp_crashtest.model.caps import caps_of, unseen
from mcp_crashtest.model.errors import CrashtestError, SubjectError, Unproven, UsageError, Violation
from mcp_crashtest.model.secrets import without_secrets
from mcp_crashtest.model.standing import IS_CLIENT, IS_SERVER, Standing
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.reporting.expectations import broken_in
from mcp_crashtest.reporting.tally import unplayed
from mcp_crashtest.sessions.catalogue import is_standard, scenario_name
from mcp_crashtest.sessions.options import budget_of, failed_before, failed_plans, file_of, selection_of
from mcp_crashtest.sessions.places import files_of

if TYPE_CHECKING:
    from mcp_crashtest.laboratory.trial import Trial
    from mcp_crashtest.model.baseline import Baseline
    from mcp_crashtest.model.profile import Profile
    from mcp_crashtest.reporting.stars import Selection

TRIAL: pytest.StashKey[Trial] = pytest.StashKey()
INAPPLICABLE = pytest.StashKey[bool]()
UNBEGUN = pytest.StashKey[bool]()
MARK = (
    "crashtest(level, client=False, asked=False): a scenario of mcp-crashtest and the stars it is for; client: for a "
    "client under test, not for a server; asked: played only where its level or its name is asked for"
)
_FOR_CLIENTS = f"this scenario is for clients, and {IS_SERVER.text}"
_FOR_SERVERS = f"this scenario is for servers, and {IS_CLIENT.text}"


def level_of(item: pytest.Item) -> int:
    """The stars that a scenario is for; 0 for other tests."""
    marker = item.get_closest_marker("crashtest")
    return int(marker.kwargs["level"]) if marker else 0


def scenario_of(item: pytest.Item) -> str:
    """A scenario's name: its function's, without ``test_``."""
    name = getattr(item, "originalname", None) or item.name
    return scenario_name(str(name))


def story_of(item: pytest.Item) -> str:
    """A scenario's story: the first line of its function's docstring."""
    documented = getattr(getattr(item, "function", None), "__doc__", None) or ""
    return next(iter(documented.strip().splitlines()), "")


def profile_of(item: pytest.Item) -> Profile:
    """The subject that a scenario is played on."""
    profile: Profile = item.callspec.params["crashtest"]  # type: ignore[attr-defined]
    return profile


def place_of(item: pytest.Item) -> tuple[str, str]:
    """The names of the profile and the scenario."""
    return profile_of(item).name, scenario_of(item)


def is_for(item: pytest.Item, profile: Profile) -> bool:
    """Whether an item is a scenario that is played on this subject."""
    return level_of(item) > 0 and profile_of(item) == profile and why_not(item) is None


def why_not(item: pytest.Item) -> str | None:
    """Why a scenario is not for subjects of this kind; None where it is."""
    if _is_for_clients(item) == (profile_of(item).client is not None):
        return None
    return _FOR_CLIENTS if _is_for_clients(item) else _FOR_SERVERS


def _is_for_clients(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("crashtest")
    return bool(marker and marker.kwargs.get("client"))


# --- which are played


def select(config: pytest.Config, items: list[pytest.Item]) -> bool:
    """Leave out what was not asked for; first what failed before, then the lower levels; whether a scenario is left.

    Raises pytest.UsageError for a scenario that there is not.
    """
    selection = selection_of(config)
    ours = {scenario_of(item) for item in items if level_of(item)}
    for name in selection.scenarios:
        if name not in ours:
            raise pytest.UsageError(f"there is no scenario {name!r}; there are {', '.join(sorted(ours))}")
    failed = failed_before(config)
    left_out = [item for item in items if level_of(item) and not _is_asked_for(item, selection, failed)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    played = [item for item in items if level_of(item)]
    if left_out and not items:
        raise pytest.UsageError(
            f"of the {len(left_out)} scenarios that were found none is asked for{_above(selection)}"
        )
    if played:
        items.sort(key=lambda item: (not _failed_before(item), level_of(item)))
    if config.pluginmanager.hasplugin("timeout"):
        for item in played:  # the laboratory has deadlines of its own
            item.add_marker(pytest.mark.timeout(0))
    return bool(played)


def _failed_before(item: pytest.Item) -> bool:
    """Whether a plan of this scenario is known to have failed; such scenarios are played first."""
    return level_of(item) > 0 and bool(failed_plans(item.config, *place_of(item)))


def _above(selection: Selection) -> str:
    """What was asked for by name, and is of another level than was asked for beside it."""
    if not selection.scenarios or selection.level is None:
        return ""
    return f": --level {selection.level} plays those of that level and below; leave it out for {selection.scenarios[0]}"


def _is_asked_for(item: pytest.Item, selection: Selection, failed: list[list[str]] | None) -> bool:
    if selection.scenarios and scenario_of(item) not in selection.scenarios:
        return False
    if failed is not None and [profile_of(item).name, scenario_of(item)] not in failed:
        return False
    if _is_asked_alone(item) and not selection.partial and (selection.level or 0) < level_of(item):
        return False
    return selection.plays(level_of(item), own=not is_standard(item.path))


def _is_asked_alone(item: pytest.Item) -> bool:
    """Whether a first look at every scenario does without this one."""
    marker = item.get_closest_marker("crashtest")
    return bool(marker and marker.kwargs.get("asked"))


# --- what one came to


def kind_of(error: BaseException) -> str:
    """A word for how a scenario has ended."""
    for kind, name in ((Violation, "FAIL"), (Unproven, "INVALID"), (UsageError, "usage"), (SubjectError, "subject")):
        if isinstance(error, kind):
            return name
    return "harness"


def is_ours(error: BaseException | None) -> bool:
    """Whether an error says by itself what a scenario came to."""
    return isinstance(error, Violation | Unproven | CrashtestError)


def summary_of(item: pytest.Item, error: BaseException | None) -> dict[str, Any] | None:
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
    trial, profile = item.stash.get(TRIAL, None), profile_of(item)
    kind = None
    if error and not isinstance(error, Violation | Unproven | pytest.skip.Exception):
        kind = kind_of(error)
    if trial is None:
        summed = unplayed(scenario_of(item), profile.name, level_of(item), verdict, reason)
    else:
        summed = trial.summary(verdict, reason)
    summary: dict[str, Any] = without_secrets(
        {
            **summed,
            "applies": why_not(item) is None and not item.stash.get(INAPPLICABLE, False),
            **({"standing": Standing.NOT_APPLICABLE} if item.stash.get(INAPPLICABLE, False) else {}),
            **({"begun": False} if item.stash.get(UNBEGUN, False) or getattr(error, "said", False) else {}),
            "error": kind,
            "subject": {
                **_identity(profile),
                "budget": budget_of(item.config, profile),
                "files": files_of(profile, file_of(item.config, profile)),
            },
        }
    )
    return summary


def properties_of(summary: Mapping[str, Any], seed: int) -> list[tuple[str, object]]:
    """What pytest's own JUnit XML says of a scenario beside its outcome."""
    figures = {name: summary[f"{name}_confirmed"] for name in ("faults", "kills")}
    return [("seed", seed), ("level", summary["level"]), ("runs", summary["runs"]), *figures.items()]


def pardon(report: pytest.TestReport, summary: Mapping[str, Any], baseline: Baseline | None) -> None:
    """A scenario that has found nothing but what is expected fails as it was expected to."""
    if baseline is None or summary["verdict"] != Verdict.FAIL.name:
        return
    found = [baseline.by_fingerprint.get(one.fingerprint) for one in broken_in(summary)]
    known = [entry for entry in found if entry is not None]
    if found and len(known) == len(found):
        report.outcome = "skipped"
        report.wasxfail = "; ".join(dict.fromkeys(entry.reason for entry in known))


def _identity(profile: Profile) -> dict[str, Any]:
    """The subject's identity and the caps of its profile, for the certificate."""
    spec = profile.subject
    caps = [asdict(cap) for cap in caps_of(profile)]
    server = {"command": spec.command, "url": spec.url, "contract": profile.contract.kind, "digest": profile.digest}
    named = {"client": profile.client.command, **server} if profile.client else server
    return {**named, "caps": caps, "not_assessed": unseen(profile)}
