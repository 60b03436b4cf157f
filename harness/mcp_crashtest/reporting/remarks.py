"""What stands beside the verdict: remarks of many runs, each kind once, with how often it was seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_SHOWN = 3


def merged(scenarios: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The remarks of a session, by subject; lines that are no messages are counted over all runs."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for scenario in scenarios:
        for remark in scenario.get("remarks", ()):
            lines = remark["evidence"].get("lines")
            kind = "" if lines else remark["message"]
            known = found.setdefault(
                (scenario["profile"], remark["invariant"], kind),
                {
                    "profile": scenario["profile"],
                    "invariant": remark["invariant"],
                    "message": remark["message"],
                    "runs": 0,
                }
                | ({"advice": remark["advice"]} if remark.get("advice") else {})
                | ({"lines": 0, "texts": []} if lines else {}),
            )
            known["runs"] += 1
            if lines:
                known["lines"] += lines
                known["texts"] = list(dict.fromkeys([*known["texts"], *remark["evidence"]["texts"]]))[:_SHOWN]
    return [_told(remark) for remark in found.values()]


def _told(remark: dict[str, Any]) -> dict[str, Any]:
    if "lines" not in remark:
        return remark
    number = f"{remark['lines']} lines" if remark["lines"] > 1 else "a line"
    runs = f"{remark['runs']} runs" if remark["runs"] > 1 else "a run"
    said = f"standard output had {number} in {runs} that {'are' if remark['lines'] > 1 else 'is'} no message: "
    return remark | {"message": said + "; ".join(map(repr, remark["texts"]))}
