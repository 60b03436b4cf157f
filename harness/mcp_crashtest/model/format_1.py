"""Plans and histories that were written in format 1, in the words of format 2.

Format 1 had one enumeration of phases for three kinds of coordinates, in which "batch" was a batch, the number of a
question or thousandths of a time; a life of the server was a boot, and a fault's kind an action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FORMAT = 1

_PLANS: Mapping[str, Any] = {
    "format": 2,
    "absence": "at-once",
    "workload": None,
    "cold": False,
    "hash_seed": None,
    "afterlife": False,
}
_WINDOWS = frozenset({"submission-unanswered", "submission-answered", "asking"})
_SINCE = {"moment": "start", "speaking": "first-word"}
_AWAY = "server-away"


def plan(data: Mapping[str, Any]) -> dict[str, Any]:
    """A plan of format 1; raises KeyError, ValueError or TypeError for anything else."""
    faults: Sequence[Mapping[str, Any]] = data["faults"]
    return {**data, **_PLANS, "faults": [_fault(faults, place) for place in range(len(faults))]}


def _fault(faults: Sequence[Mapping[str, Any]], place: int) -> dict[str, Any]:
    fault = faults[place]
    return {"kind": fault["action"], "victim": fault["victim"], "at": _coordinate(faults, place)}


def _coordinate(faults: Sequence[Mapping[str, Any]], place: int) -> dict[str, Any]:
    phase, number = faults[place]["phase"], int(faults[place]["batch"])
    if phase in _WINDOWS:
        return {"kind": "window", "name": phase, "number": number}
    if phase in _SINCE:
        return {"kind": "moment", "thousandths": number, "since": _SINCE[phase]}
    if phase == _AWAY:
        gone = next(n for n in range(place, 0, -1) if faults[n - 1]["victim"] != "client")
        return {"kind": "during", "fault": gone}
    return {"kind": "batch", "number": number, "phase": phase, "task": int(faults[place]["task"])}


def operation(data: Mapping[str, Any]) -> dict[str, Any]:
    """An event of format 1."""
    said = {name: value for name, value in data.items() if name != "boot"}
    value = dict(data["value"])
    if "action" in value:
        value["kind"] = value.pop("action")
    return {**said, "life": data["boot"], "value": value}
