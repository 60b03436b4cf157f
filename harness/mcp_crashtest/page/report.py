"""What the page of a bundle holds: the session's head, its runs, as much of each as there is room for."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.fingerprints import of_finding
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.operation import batches_of
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.secrets import kept, masked
from mcp_crashtest.page.document import document
from mcp_crashtest.page.evidence import Reading, Shown, logs, state
from mcp_crashtest.page.model import CODE, MODELLED, TITLE
from mcp_crashtest.reporting.certificate import read_certificate
from mcp_crashtest.telling.comparison import Comparison, compare
from mcp_crashtest.telling.figures import figures
from mcp_crashtest.telling.head import Finding, harm_of, head
from mcp_crashtest.telling.plainly import planned
from mcp_crashtest.telling.session import Played, Unplayed, matrix
from mcp_crashtest.telling.words import clean, placeless, plain

_ROOM_BYTES = 4_400_000
_GRAVITY = {"FAIL": 0, "INVALID": 1}


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and what of the evidence it could not read."""

    text: str
    unread: tuple[str, ...]


def page(bundle: Bundle, other: Path | None = None) -> Page:
    """The page of a bundle, compared with the report in ``other``, or with its own sessions before.

    Raises UsageError where there is no certificate.
    """
    saved = bundle.certificate()
    if saved is None:
        raise UsageError(f"{bundle.folder} holds no certificate: the session in it never came to its end")
    certificate = read_certificate(saved)
    reading = Reading(bundle)
    shown = list(reading.runs())
    found = _findings(certificate, bundle)
    shown = [replace(one, played=replace(one.played, rate=_rate(one, found))) for one in shown]
    runs = [one.played for one in shown]
    scrub = _Scrub(str(bundle.folder.resolve()), bool(kept()))
    told = scrub(_told(certificate, shown, runs, found, _before(bundle, other)))
    data = {
        "runs": {run.id: plain(run) for run in runs},
        "advice": {name: [one.statement, one.advice] for name, one in INVARIANTS.items()},
        "model": {"title": TITLE, "code": CODE, "of": sorted(MODELLED)},
        "figures": told["figures"],
        "featured": told["head"].get("featured"),
        "findings": told["findings"],
        "folder": bundle.folder.name,
    }
    return Page(document(told, scrub(data), _room_for(shown, bundle, scrub)), tuple(reading.unread))


def write_page(bundle: Bundle, other: Path | None = None) -> Page:
    """Write the page of a bundle into it, in the place of an earlier one. Raises UsageError, OSError."""
    written = page(bundle, other)
    bundle.save_page(written.text)
    return written


# --- what stands in the template


def _told(
    certificate: Mapping[str, Any],
    shown: Sequence[Shown],
    runs: Sequence[Played],
    found: Sequence[Finding],
    comparison: Comparison | None,
) -> dict[str, Any]:
    first = next((one for one in shown if found and one.played.id == found[0].run), shown[0] if shown else None)
    total = int(first.workload["records"]) if first else 0
    profiles = [_profile(name, subject, certificate, shown) for name, subject in certificate["subject"].items()]
    return {
        "head": plain(head(certificate, runs, found, total)),
        "certificate": certificate,
        "findings": [{**plain(finding), "title": harm_of(finding)} for finding in found],
        "profiles": profiles,
        "figures": {one["name"]: one.pop("figures") for one in profiles},
        "comparison": plain(comparison) if comparison else None,
        "count": len(runs),
        "played": len({(run.profile, run.scenario) for run in runs}),
        "verdicts": {v: n for v in ("FAIL", "INVALID", "PASS") if (n := sum(run.verdict == v for run in runs))},
        "victims": sorted({victim for run in runs for victim in run.victims}),
        "protocols": sorted({run.protocol for run in runs}),
        "digest": (certificate.get("evidence") or {}).get("digest"),
    }


def _profile(
    name: str, subject: Mapping[str, Any], certificate: Mapping[str, Any], shown: Sequence[Shown]
) -> dict[str, Any]:
    """One subject's facts, its matrix and its figures."""
    mine = [one for one in shown if one.played.profile == name]
    runs = [one.played for one in mine]
    usual = next((one for one in mine if one.played.scenario == "undisturbed"), mine[0] if mine else None)
    workload = usual.workload if usual else {"records": 0, "batch": 1}
    batches = batches_of(workload) if usual else 0
    own = dict(certificate, scenarios=[s for s in certificate["scenarios"] if s["profile"] == name])
    server = dict(usual.server) if usual else {}
    sorted_in = matrix(own, runs, batches)
    return {
        "name": name,
        "subject": subject,
        "server": " ".join(clean(server[key], 80) for key in ("name", "version") if server.get(key)),
        "workload": workload,
        "claims": dict(usual.claims) if usual else {},
        "matrix": plain(sorted_in),
        "groups": [(name, len(list(columns))) for name, columns in groupby(c.group for c in sorted_in.columns)],
        "cells": _cells(runs),
        "open": _open(sorted_in.unplayed),
        "protocols": sorted({run.protocol for run in runs}),
        "not_assessed": list(subject.get("not_assessed", {}).items()),
        "figures": plain(figures(own, runs, usual.claims if usual else {}, int(workload["batch"]))),
    }


def _cells(runs: Sequence[Played]) -> dict[str, dict[str, list[Any]]]:
    """The runs of each scenario, by their column; those that have none under an empty name."""
    found: dict[str, dict[str, list[Any]]] = {}
    for run in runs:
        found.setdefault(run.scenario, {}).setdefault(run.column or "", []).append(plain(run))
    return found


def _open(unplayed: Sequence[Unplayed]) -> dict[str, list[Any]]:
    """What was planned and not played, by scenario."""
    found: dict[str, list[Any]] = {}
    for one in unplayed:
        found.setdefault(one.scenario, []).append(plain(one))
    return found


def _findings(certificate: Mapping[str, Any], bundle: Bundle) -> list[Finding]:
    """Each invariant once for each profile, by its smallest plan; what a record suffered first."""
    order = list(INVARIANTS)
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in certificate["findings"]:
        groups.setdefault((one["profile"], one["invariant"]), []).append(one)
    found = []
    for (profile, invariant), group in groups.items():
        best = min(group, key=lambda one: Plan.from_json(one["plan"]).size)
        known = INVARIANTS[invariant]
        found.append(
            Finding(
                invariant,
                clean(profile, 80),
                clean(best["message"]),
                known.statement,
                clean(best.get("advice") or known.advice),
                bundle.run_named(best["replay"]),
                clean(planned(Plan.from_json(best["plan"])), 400),
                clean(best["plan"]["protocol"], 40),
                tuple(dict.fromkeys(clean(one["scenario"], 80) for one in group)),
                clean(best["replay"], 400),
                of_finding(best),
                _counted(best.get("reproduced")),
                _seen(group, bundle),
            )
        )
    return sorted(found, key=lambda finding: (order.index(finding.invariant), finding.profile))


def _seen(group: Sequence[Mapping[str, Any]], bundle: Bundle) -> tuple[tuple[str, str | None], ...]:
    """Every scenario that has broken it, with the run that shows it."""
    runs = {clean(one["scenario"], 80): bundle.run_named(one["replay"]) for one in reversed(group)}
    return tuple((name, runs[name]) for name in dict.fromkeys(clean(one["scenario"], 80) for one in group))


def _counted(rate: Any) -> tuple[int, int] | None:
    """In so many runs of so many of the same plan; None where it was played once."""
    if isinstance(rate, Mapping) and int(rate.get("of", 0)) > 1:
        return int(rate["runs"]), int(rate["of"])
    return None


def _rate(one: Shown, found: Sequence[Finding]) -> tuple[int, int] | None:
    return next((finding.rate for finding in found if finding.run == one.played.id and finding.rate), None)


def _before(bundle: Bundle, other: Path | None) -> Comparison | None:
    now = bundle.certificate()
    if other is not None:
        then = Bundle(other).certificate()
        if then is None:
            raise UsageError(f"{other} holds no certificate to compare with: give a report directory to --compare")
        before = [then, *Bundle(other).certificates_before()]
    else:
        before = bundle.certificates_before()
    readable = []
    for saved in before:
        try:
            readable.append(read_certificate(saved))
        except UsageError:
            break  # what lies behind it was written by another version as well
    return compare(read_certificate(now), readable) if now else None


# --- the runs, as far as there is room


def _room_for(shown: Sequence[Shown], bundle: Bundle, scrub: _Scrub) -> list[tuple[str, Any]]:
    """What is told of each run; where there is not room for all, events go first, then logs, then whole runs.

    What failed has the first right to be here.
    """
    ordered = sorted(shown, key=lambda one: _GRAVITY.get(one.played.verdict, 2))
    left = _ROOM_BYTES - 700 * len(ordered)
    found: dict[str, dict[str, Any]] = {}
    for parts in (_core, _events, _left):
        for one in ordered:
            if parts is not _core and one.played.id not in found:
                continue
            more = scrub(dict(parts(one, bundle)))
            size = len(json.dumps(more, ensure_ascii=False))
            if size <= left:
                left -= size
                found.setdefault(one.played.id, {}).update(more)
            elif parts is not _core:
                found[one.played.id]["short"] = True
    return list(found.items())


def _core(one: Shown, bundle: Bundle) -> Iterator[tuple[str, Any]]:
    told = plain(one.telling)
    told.pop("events")
    yield from told.items()
    yield "total", int(one.workload["records"])
    yield "batch", int(one.workload["batch"])
    yield "findings", [{name: f[name] for name in ("invariant", "message", "operations")} | _advice(f)
                       for f in one.judgement["findings"]]  # fmt: skip
    yield "unproven", [clean(text, 600) for text in one.judgement["unproven"]]
    yield "folder", one.folder
    yield "replay", f"mcp-crashtest replay {shlex.quote(f'{bundle.folder.name}/{one.folder}')}"


def _advice(finding: Mapping[str, Any]) -> dict[str, str]:
    return {"advice": clean(finding["advice"])} if finding.get("advice") else {}


def _events(one: Shown, _: Bundle) -> Iterator[tuple[str, Any]]:
    yield "events", one.telling.events


def _left(one: Shown, _: Bundle) -> Iterator[tuple[str, Any]]:
    yield "logs", [(name, text) for name, text in logs(one) if text.strip()]
    if one.played.verdict != "PASS":
        yield (
            "state",
            [
                (file.name, file.size, file.text if file.whole or not file.text else f"{file.text}\n...")
                for file in state(one.path)
            ],
        )


@dataclass(frozen=True, slots=True)
class _Scrub:
    """Takes folders of this machine, and secrets, out of every text of a value."""

    folder: str
    secrets: bool

    def __call__(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return placeless(masked(value) if self.secrets else value, self.folder)
        if kind is dict:
            return {name: self(one) for name, one in value.items()}
        if kind is list or kind is tuple:
            return [self(one) for one in value]
        return self(dict(value)) if isinstance(value, Mapping) else value
