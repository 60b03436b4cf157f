"""A finding in plain text, as reports that other programs show tell it. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.secrets import masked

_LONGEST = 2000


def plain(text: object, longest: int = _LONGEST) -> str:
    """A subject's text without control characters (XML knows none), and bounded."""
    shown = "".join(
        c if c in "\n\t" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for c in masked(str(text))
    )
    return shown if len(shown) <= longest else shown[:longest] + " ..."


def line(text: object, longest: int = _LONGEST) -> str:
    """The same on one line."""
    return " ".join(plain(text, longest).split())


def advice_for(finding: Mapping[str, Any]) -> str:
    """What is to be done about it: its own advice, or its invariant's."""
    return str(finding.get("advice") or INVARIANTS[finding["invariant"]].advice)


def story(finding: Mapping[str, Any]) -> str:
    """What was seen, what must hold, by which plan, how to see it again, what to do."""
    return "\n".join(
        (
            f"{finding['invariant']}: {plain(finding['message'])}",
            f"must hold: {INVARIANTS[finding['invariant']].statement}",
            f"smallest plan: {plain(finding['plan_text'])}, over {plain(finding['plan']['protocol'], 80)}",
            f"replay: {plain(finding['replay'])}",
            f"advice: {plain(advice_for(finding))}",
        )
    )


def elsewhere(scenario: Mapping[str, Any]) -> list[str]:
    """What was broken in other runs of a scenario than in that of its smallest failing plan."""
    named = {finding["invariant"] for finding in scenario["findings"]}
    return [name for name in scenario.get("broken", ()) if name not in named]
