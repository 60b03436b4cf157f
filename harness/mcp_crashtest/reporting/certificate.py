"""The certificate: everything that a session showed, as JSON that scripts may rely on (``"format": 2``).

A level is earned when every scenario of it, and of all lower ones, has passed. What could not be assessed caps the
level and is named. This file is pure but for ``environment``.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mcp_crashtest import __version__
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.verdict import Verdict, worst

CERTIFICATE_FORMAT = 2
_EARLIER_FORMAT = 1
_MEASURED_WITH = ("h11", "hypothesis", "psutil", "pydantic", "pytest")
Scenario = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for: the level, certain scenarios, how much of each; and the highest level that was run."""

    level: int | None
    highest: int
    scenarios: tuple[str, ...] = ()
    budget: str = "core"


def certificate(
    scenarios: Sequence[Scenario],
    subjects: Mapping[str, Any],
    selection: Selection,
    *,
    seed: int,
    finished: bool,
    times: Mapping[str, str],
) -> dict[str, Any]:
    """Sum up a session. ``finished``: it came to its end by itself; ``times`` are its beginning and end."""
    recoveries = sorted(r for s in scenarios for r in s["recoveries_s"])
    confirmed = sum(s["faults_confirmed"] for s in scenarios)
    return {
        "format": CERTIFICATE_FORMAT,
        "subject": dict(subjects),
        "profile": ", ".join(subjects),
        "seed": seed,
        "selection": asdict(selection),
        "finished": finished,
        "times": dict(times),
        "level": earned(scenarios, selection.level or selection.highest),
        "level_asked": selection.level,
        "verdict": verdict(scenarios).name,
        "faults": {
            "confirmed": confirmed,
            "unconfirmed": sum(s["faults_unconfirmed"] for s in scenarios),
            "kills": sum(s["kills_confirmed"] for s in scenarios),
            "violation_chance_below": round(3 / confirmed, 6) if confirmed else None,
        },
        "scenarios": [{k: v for k, v in s.items() if k != "recoveries_s"} | _times(s) for s in scenarios],
        "findings": [finding for s in scenarios for finding in s["findings"]],
        "caps": caps(scenarios),
        "recovery_s": _quantiles(recoveries),
        "environment": environment(),
    }


def verdict(scenarios: Sequence[Scenario]) -> Verdict:
    """The session's verdict; scenarios that were skipped do not speak for it, unless there is nothing else."""
    verdicts = [Verdict[s["verdict"]] for s in scenarios]
    return worst(v for v in verdicts if v is not Verdict.SKIP) if set(verdicts) - {Verdict.SKIP} else Verdict.SKIP


def earned(scenarios: Sequence[Scenario], highest: int) -> int:
    """The highest level of which every scenario, and of all lower levels, has passed; 0 for none.

    Of several subjects it is the lowest that any of them has earned.
    """
    fitting = applying(scenarios)
    subjects = {s["profile"] for s in fitting}
    return min((_earned([s for s in fitting if s["profile"] == name], highest) for name in subjects), default=0)


def applying(scenarios: Iterable[Scenario]) -> list[Scenario]:
    """The scenarios that are for subjects of this kind: the others have nothing to say."""
    return [s for s in scenarios if s.get("applies", True)]


def _earned(scenarios: Sequence[Scenario], highest: int) -> int:
    level = 0
    for candidate in range(1, highest + 1):
        of_level = [s for s in scenarios if s["level"] == candidate]
        if not of_level or any(s["verdict"] != Verdict.PASS.name for s in of_level):
            break
        level = candidate
    return level


def caps(scenarios: Sequence[Scenario]) -> list[str]:
    """What could not be assessed: each reason once, with the scenarios that it kept from running."""
    skipped: dict[str, list[str]] = {}
    for s in applying(scenarios):
        if s["verdict"] == Verdict.SKIP.name:
            skipped.setdefault(s["reason"], []).append(f"{'*' * s['level']} {s['id']}")
    return [f"{reason} (not run: {', '.join(dict.fromkeys(names))})" for reason, names in skipped.items()]


def summary_lines(certificate: Mapping[str, Any]) -> list[str]:
    """A certificate in a few lines of plain text."""
    faults, recovery = certificate["faults"], certificate["recovery_s"]
    stars = "\N{BLACK STAR}" * certificate["level"] or "no star"
    lines = [f"{certificate['verdict']}: {certificate['profile']} earned {stars}"]
    if faults["confirmed"]:
        lines.append(
            f"{faults['confirmed']} confirmed faults, {faults['kills']} of them kills by SIGKILL; "
            f"{len(certificate['findings'])} violations"
        )
        if not certificate["findings"]:
            lines.append(f"chance of a violation per fault: below {faults['violation_chance_below']:.2%} (95 %)")
    if recovery["p50"] is not None:
        lines.append(f"recovery: median {recovery['p50']:.3f} s, 95 % within {recovery['p95']:.3f} s")
    return lines + [f"not assessed: {cap}" for cap in certificate["caps"]]


def read_certificate(data: Mapping[str, Any]) -> dict[str, Any]:
    """A saved certificate, also one of format 1; raises UsageError for one that this version does not know.

    What format 1 did not say is None: whether anything was selected, whether the session finished, and when.
    """
    if data.get("format") == _EARLIER_FORMAT:
        return {**data, "format": CERTIFICATE_FORMAT, "selection": None, "finished": None, "times": None}
    if data.get("format") != CERTIFICATE_FORMAT:
        raise UsageError(
            f"this certificate has format {data.get('format')!r}, this version of mcp-crashtest reads formats "
            f"{_EARLIER_FORMAT} and {CERTIFICATE_FORMAT}"
        )
    return dict(data)


def environment() -> dict[str, str]:
    """Where it was measured."""
    return {
        "mcp_crashtest": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _MEASURED_WITH},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _times(scenario: Scenario) -> dict[str, Any]:
    return {"recovery_s": _quantiles(scenario["recoveries_s"])}


def _quantiles(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return {"p50": None, "p95": None, "max": None}
    return {"p50": _at(values, 0.5), "p95": _at(values, 0.95), "max": values[-1]}


def _at(values: Sequence[float], share: float) -> float:
    return values[min(round(share * (len(values) - 1)), len(values) - 1)]
