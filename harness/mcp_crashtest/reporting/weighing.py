"""A certificate beside a baseline: what the comparison came to, and what would have been earned otherwise. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_crashtest.model.baseline import Baseline
from mcp_crashtest.reporting.certificate import verdict
from mcp_crashtest.reporting.expectations import Comparison, compared
from mcp_crashtest.reporting.stars import Listed, Selection, stars


def weighed(certificate: Mapping[str, Any], baseline: Baseline, catalogue: Sequence[Listed]) -> dict[str, Any]:
    """The same certificate with what it came to against a baseline; nothing else of it changes."""
    comparison = comparison_of(certificate, baseline, catalogue)
    scenarios = comparison.pardoned(certificate["scenarios"])
    subjects, selection = certificate["subject"], _selection(certificate)
    otherwise = {
        "verdict": verdict(scenarios, finished=_finished(certificate)).name,
        "stars": [one.to_json() for one in stars(scenarios, subjects, selection, catalogue)],
    }
    return {**certificate, "baseline": {**comparison.to_json(), "otherwise": otherwise}}


def comparison_of(certificate: Mapping[str, Any], baseline: Baseline, catalogue: Sequence[Listed]) -> Comparison:
    """What a certificate's scenarios come to against a baseline."""
    return compared(
        baseline,
        certificate["scenarios"],
        certificate["subject"],
        _selection(certificate),
        [listed.id for listed in catalogue],
        finished=_finished(certificate),
    )


def _finished(certificate: Mapping[str, Any]) -> bool:
    return certificate["finished"] is not False


def _selection(certificate: Mapping[str, Any]) -> Selection:
    said = certificate["selection"]
    return Selection(**{**said, "scenarios": tuple(said["scenarios"])}) if said else Selection(None)
