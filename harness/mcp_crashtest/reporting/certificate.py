"""The certificate: everything that a session showed, as JSON that scripts may rely on (``"format": 2``).

What was earned stands in ``stars``; of several subjects ``level`` is the lowest that one has earned, ``level_asked``
the lowest that was asked of one. This file is pure but for ``environment``.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mcp_crashtest import __version__
from mcp_crashtest.model.cells import coverage_lines
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.limits import LIMITS
from mcp_crashtest.model.shard import Shard
from mcp_crashtest.model.standing import Reason, Standing
from mcp_crashtest.model.verdict import Verdict, worst
from mcp_crashtest.reporting.expectations import expectation_lines
from mcp_crashtest.reporting.remarks import merged
from mcp_crashtest.reporting.stars import (
    Listed,
    Scenario,
    Selection,
    caps,
    not_applicable,
    stars,
    takes_stars,
)

CERTIFICATE_FORMAT = 2
_EARLIER_FORMAT = 1
_MEASURED_WITH = ("h11", "hypothesis", "psutil", "pydantic", "pytest")
_SUMMED_UP = ("recoveries_s", "remarks")
_FEWEST_FAULTS = 30  # below that, three over their number is no bound worth saying


def certificate(
    scenarios: Sequence[Scenario],
    subjects: Mapping[str, Any],
    selection: Selection,
    catalogue: Sequence[Listed],
    *,
    seed: int,
    finished: bool,
    times: Mapping[str, str],
) -> dict[str, Any]:
    """Sum up a session. ``finished``: it came to its end by itself; ``times`` are its beginning and end."""
    recoveries = sorted(r for s in scenarios for r in s["recoveries_s"])
    confirmed = sum(s["faults_confirmed"] for s in scenarios)
    earned = stars(scenarios, subjects, selection, catalogue)
    return {
        "format": CERTIFICATE_FORMAT,
        "subject": dict(subjects),
        "profile": ", ".join(subjects),
        "seed": seed,
        "selection": {name: said for name, said in asdict(selection).items() if name != "shard"},
        "finished": finished,
        "times": dict(times),
        "level": min((one.earned for one in earned), default=0),
        "level_asked": min((one.asked for one in earned), default=selection.level),
        "stars": [one.to_json() for one in earned],
        "verdict": verdict(scenarios, finished=finished).name,
        "faults": {
            "confirmed": confirmed,
            "unconfirmed": sum(s["faults_unconfirmed"] for s in scenarios),
            "kills": sum(s["kills_confirmed"] for s in scenarios),
            "violation_chance_below": round(3 / confirmed, 6) if confirmed >= _FEWEST_FAULTS else None,
            "fell": [sum(tenth) for tenth in zip(*(s["fell"] for s in scenarios if s.get("fell")), strict=True)],
            "late": sum(s.get("late", 0) for s in scenarios),
            "late_looks": sum(s.get("late_looks", 0) for s in scenarios),
        },
        "scenarios": [{k: v for k, v in s.items() if k not in _SUMMED_UP} | _times(s) for s in scenarios],
        "findings": [finding for s in scenarios for finding in s["findings"]],
        "remarks": merged(scenarios),
        "not_applicable": not_applicable(scenarios),
        "caps": caps(scenarios, subjects),
        "recovery_s": _quantiles(recoveries),
        "limits": list(LIMITS),
        "environment": environment(),
    }


def verdict(scenarios: Sequence[Scenario], *, finished: bool = True) -> Verdict:
    """The session's verdict; scenarios that were skipped do not speak for it, unless there is nothing else.

    A session that was cut short has found what it has found, and proves nothing else.
    """
    verdicts = [Verdict[s["verdict"]] for s in scenarios]
    if not finished:
        verdicts.append(Verdict.INVALID)
    return worst(v for v in verdicts if v is not Verdict.SKIP) if set(verdicts) - {Verdict.SKIP} else Verdict.SKIP


def summary_lines(certificate: Mapping[str, Any]) -> list[str]:
    """A certificate in a few lines of plain text; what takes stars comes right behind them."""
    faults, recovery = certificate["faults"], certificate["recovery_s"]
    lines = [_outcome(certificate), *_of_a_shard(certificate)]
    capped = [cap for cap in certificate["caps"] if takes_stars(cap)]
    lines += [f"capped: {cap}" for cap in capped] + _why_not_more(certificate)
    if compared := certificate.get("baseline"):
        lines += expectation_lines(compared)
    if faults["confirmed"]:
        lines.append(
            f"{faults['confirmed']} confirmed faults with {faults['kills']} kills by SIGKILL; "
            f"{len(certificate['findings'])} violations"
        )
        if not certificate["findings"] and faults["violation_chance_below"]:
            lines.append(f"chance of a violation per fault: below {faults['violation_chance_below']:.2%} (95 %)")
    if any(faults.get("fell", ())):
        lines.append(f"kills and restarts fell into the tenths of a batch: {' '.join(map(str, faults['fell']))}")
    if faults.get("late"):
        lines.append(
            f"{faults['late']} faults fell more than half a batch behind their place: this machine has more to do than "
            f"when the pace was measured"
        )
    lines += coverage_lines(certificate["scenarios"])
    if recovery["p50"] is not None:
        late = faults.get("late_looks")
        said = f"; {late} restarts were first looked at more than a batch later" if late else ""
        lines.append(f"recovery: median {recovery['p50']:.3f} s, 95 % within {recovery['p95']:.3f} s{said}")
    if certificate["seed"]:
        lines.append(f"seed: {certificate['seed']}, with which the same plans are played again")
    lines += [f"remark: {one['profile']}: {one['invariant']}: {_told(one)}" for one in certificate.get("remarks", ())]
    lines += [str(Reason(Standing.NOT_APPLICABLE, said)) for said in certificate.get("not_applicable", ())]
    lines += dict.fromkeys(note for scenario in certificate["scenarios"] for note in scenario.get("notes", ()))
    lines += [str(Reason(Standing.NOT_ASSESSED, cap)) for cap in certificate["caps"] if cap not in capped]
    if evidence := certificate.get("evidence"):
        lines.append(f"the evidence is {evidence['files']} files, sha256 {evidence['digest']}")
    return lines


def _outcome(certificate: Mapping[str, Any]) -> str:
    """The verdict and what was earned; a session that was cut short has no verdict but a violation's."""
    if certificate["finished"] is not False:
        told = f"{certificate['verdict']}: {_earned(certificate)}"
        if certificate["verdict"] == Verdict.PASS.name and "no star" in told:
            return f"{told}: nothing failed, and a star takes all scenarios of its level"
        failed = certificate["verdict"] == Verdict.FAIL.name and certificate["level"] > 0
        return f"{told}, and failed at what it was asked for beyond" if failed else told
    played = sum(s["runs"] > 0 for s in certificate["scenarios"])
    behind = f"cut short behind {played} scenario{'s' * (played != 1)}"
    said = f"{behind}: {_earned(certificate)} up to there, and the rest shows nothing"
    return f"{Verdict.FAIL.name}: {said}" if certificate["verdict"] == Verdict.FAIL.name else said


def _of_a_shard(certificate: Mapping[str, Any]) -> list[str]:
    """That a shard earns nothing alone, and what to do about it."""
    if (shard := certificate.get("shard")) is None:
        return []
    said = Shard(shard["number"], shard["of"])
    return [f"{said}: nothing is earned alone; mcp-crashtest merge DIR... puts the reports of all {said.of} together"]


def _told(remark: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (f"{remark['message']}.", remark.get("advice"))))


def _earned(certificate: Mapping[str, Any]) -> str:
    """Who has earned what; those with the most stars first."""
    by_stars: dict[int, list[str]] = {}
    for one in certificate.get("stars") or [{"profile": certificate["profile"], "earned": certificate["level"]}]:
        by_stars.setdefault(one["earned"], []).append(one["profile"])
    said = (
        (", ".join(names), "\N{BLACK STAR}" * n or "no star") for n, names in sorted(by_stars.items(), reverse=True)
    )
    return "; ".join(f"{names} earned {shown}" for names, shown in said)


def _why_not_more(certificate: Mapping[str, Any]) -> list[str]:
    """One line for each subject that has earned less than was asked of it."""
    lines = []
    for one in certificate.get("stars", ()):
        if one["earned"] < one["asked"]:
            asked = "\N{BLACK STAR}" * one["asked"]
            lines.append(f"asked for {asked}, and {one['profile']} did not earn it: {one['why']}")
    return lines


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
