"""What is kept of a session with a recipe: a page of JSON and the smallest plan of each finding, not the evidence.

Ids and durations differ from session to session; a plan is the same everywhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mcp_crashtest.files.atomic import write_json
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.reporting.console import clean, grouped
from recipes.recipe import Recipe

FORMAT = 1
VERSIONS, SUMMARY = "versions.json", "summary.json"  # beside the certificate; in recipes/NAME/observed
WINDOWS = "windows"  # how files are called that are kept of a session that has tried the windows alone
_LONGEST_MESSAGE = 400


def summed(certificate: Mapping[str, Any], versions: Mapping[str, str], processors: int | None) -> dict[str, Any]:
    """A certificate of one subject, as short as docs/results.md needs it; for the plans see ``plans``."""
    star, faults = certificate["stars"][0], certificate["faults"]
    return {
        "format": FORMAT,
        "day": certificate["times"]["ended"][:10],
        "took_s": _took_s(certificate["times"]),
        "versions": dict(versions),
        "environment": {name: certificate["environment"][name] for name in ("mcp_crashtest", "python", "system")}
        | {"processors": processors},
        "depth": certificate["selection"]["budget"],
        "selected": certificate["selection"]["scenarios"],
        "finished": certificate["finished"],
        "seed": certificate["seed"],
        "verdict": certificate["verdict"],
        "stars": {"earned": star["earned"], "asked": star["asked"]},
        "caps": [clean(cap) for cap in certificate["caps"]],
        "faults": {key: faults[key] for key in ("confirmed", "unconfirmed", "kills", "violation_chance_below")},
        "recovery_s": {key: value and round(value, 3) for key, value in certificate["recovery_s"].items()},
        "scenarios": [_scenario(one) for one in certificate["scenarios"] if one["runs"]],
        "findings": [_finding(*group, certificate["findings"]) for group in grouped(certificate["findings"])],
    }


def plans(certificate: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The smallest plan that has shown each finding, by its invariant."""
    return {finding["invariant"]: finding["plan"] for finding, _ in grouped(certificate["findings"])}


def _took_s(times: Mapping[str, str]) -> int:
    """How long the session was, in seconds, with whatever else the machine had to do."""
    ended, began = (datetime.fromisoformat(times[name]) for name in ("ended", "began"))
    return round((ended - began).total_seconds())


def _scenario(one: Mapping[str, Any]) -> dict[str, Any]:
    named = {"id": "id", "level": "level", "verdict": "verdict", "runs": "runs"}
    counted = {"faults": "faults_confirmed", "kills": "kills_confirmed"}
    return {name: one[key] for name, key in (named | counted).items()}


def _finding(smallest: Mapping[str, Any], scenarios: list[str], every: list[Mapping[str, Any]]) -> dict[str, Any]:
    """An invariant that was not kept: in how many runs, in which scenarios, and by which plan it is seen soonest."""
    alike = [finding for finding in every if finding["invariant"] == smallest["invariant"]]
    return {
        "invariant": smallest["invariant"],
        "message": clean(smallest["message"], _LONGEST_MESSAGE),
        "runs": len({finding["replay"] for finding in alike}),
        "scenarios": scenarios,
        "plan": smallest["plan_text"],
        "protocol": smallest["plan"]["protocol"],
    }


def keep(recipe: Recipe, certificate: Mapping[str, Any], *, windows: bool = False) -> None:
    """Keep what this session of the recipe came to, instead of what an earlier one of its kind did."""
    versions = json.loads((recipe.report / VERSIONS).read_text(encoding="utf-8"))
    recipe.observed.mkdir(exist_ok=True)
    for path in recipe.observed.glob("*.json"):
        if path.name.startswith(WINDOWS) == windows:
            path.unlink()
    for invariant, plan in plans(certificate).items():
        write_json(plan_of(recipe, invariant, windows=windows), plan)
    write_json(_summary_of(recipe, windows=windows), summed(certificate, versions, os.cpu_count()))


def plan_of(recipe: Recipe, invariant: str, *, windows: bool = False) -> Path:
    """Where the plan is kept that shows this."""
    return recipe.observed / f"{WINDOWS}.{invariant}.json" if windows else recipe.observed / f"{invariant}.json"


def _summary_of(recipe: Recipe, *, windows: bool) -> Path:
    return recipe.observed / (f"{WINDOWS}.json" if windows else SUMMARY)


def kept(recipe: Recipe, *, windows: bool = False) -> dict[str, Any] | None:
    """What is kept of the recipe; None where nothing is. Raises UsageError for a format that we do not know."""
    path = _summary_of(recipe, windows=windows)
    if not path.exists():
        return None
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if data.get("format") != FORMAT:
        raise UsageError(f"{path} has format {data.get('format')!r}, and format {FORMAT} is read")
    return data
