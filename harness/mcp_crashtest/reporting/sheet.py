"""What an undisturbed run of a server has shown, in words and as JSON: what was sent, what came, what each path found.

It says too what can be assessed with the profile and what cannot, from the tables that a certificate is made from.
Nothing is judged here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from mcp_crashtest.model.caps import NUMERALS, caps_of, ceiling, unseen
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.observe_spec import constant_total
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.paths import fill
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.text import excerpt

SHEET_FORMAT = 1
_SHOWN_RECORDS = 3
_NOTHING = "nothing"


def sheet(profile: Profile, history: History, protocols: Sequence[str], highest: int) -> dict[str, Any]:
    """All that is said about a golden run that has shown the whole job; ``highest``: the most stars that there are."""
    output = next(history.of(Op.OUTPUT, types=[Type.OK]))
    caps = caps_of(profile)
    return {
        "format": SHEET_FORMAT,
        "profile": profile.name,
        "server": dict(history.header.subject),
        "contract": str(profile.contract.kind),
        "protocols": list(protocols),
        "sent": _sent(profile),
        "took_s": _took_s(history, output),
        "found": _found(profile, history, output),
        "assessed": [name for name in INVARIANTS if name not in unseen(profile)],
        "not_assessed": unseen(profile),
        "caps": [cap.said for cap in caps],
        "stars": min(ceiling(caps), highest),
    }


def _sent(profile: Profile) -> dict[str, Any]:
    workload = profile.workload
    sizes = {"total_records": workload.records, "batch_size": workload.batch}
    return {"tool": profile.contract.tool, "arguments": fill(dict(profile.contract.arguments), sizes)}


def _took_s(history: History, output: Operation) -> float:
    return round(output.t - next(history.of(Op.SUBMIT)).t, 3)


def _found(profile: Profile, history: History, output: Operation) -> dict[str, Any]:
    observe = profile.observe
    found: dict[str, Any] = {}
    if not profile.contract.kind.blocking:
        acknowledged = next(history.of(Op.SUBMIT, types=[Type.OK]))
        found["handle"] = {"path": observe.handle, "value": acknowledged.task}
        words = [str(seen.value.get("word") or seen.value["status"]) for seen in history.of(Op.STATUS, types=[Type.OK])]
        found["status"] = {"path": observe.path("status"), "value": list(dict.fromkeys(words))}
    found["progress"] = {"path": observe.path("progress"), **_progress(history)}
    said = constant_total(observe, profile.workload.records)  # by the profile: nothing has to be found for it
    found["total"] = {"path": observe.path("total") if said is None else None, "value": _total(history)}
    if observe.count is not None:
        found["count"] = {"path": observe.count, "value": output.value.get("count")}
    if observe.records is not None:
        found["records"] = {"path": _place(profile), **_records(output.value.get("records"))}
    return found


def _progress(history: History) -> dict[str, Any]:
    reports = list(history.of(Op.PROGRESS, types=[Type.OK]))
    if not reports:
        return {"value": None, "reports": 0}
    longest = max((later.t - earlier.t for earlier, later in pairwise(reports)), default=0.0)
    seen = [report.value["done"] for report in reports]
    return {"value": [seen[0], seen[-1]], "reports": len(seen), "longest_step_s": round(longest, 3)}


def _total(history: History) -> Any:
    return next((report.value["total"] for report in history.of(Op.PROGRESS, types=[Type.OK])), None)


def _place(profile: Profile) -> str:
    records = profile.observe.records
    if records is None:
        return _NOTHING
    where = ", ".join(f"the {name} {place}" for name, place in records.sources.items()) or "the answer"
    return f"{where} (items {records.items}, key {records.key})"


def _records(records: Any) -> dict[str, Any]:
    if not isinstance(records, Table):
        return {"value": None, "number": 0}
    keys = [key for key, _ in records][:_SHOWN_RECORDS]
    return {"value": keys, "number": len(records)}


# --- in words


def lines(said: Mapping[str, Any]) -> Iterator[str]:
    """The sheet as a person reads it; the text of a subject in it is still to be cleaned."""
    server = said["server"]
    named = server.get("name") or server.get("command") or server.get("url")
    yield f"{said['profile']}: {excerpt(named)}, protocol {', '.join(said['protocols'])}, contract {said['contract']}"
    yield f"  sent      {said['sent']['tool']} {_shown(said['sent']['arguments'])}"
    yield f"  came      the whole job, in {said['took_s']:.2f} s"
    for name, found in said["found"].items():
        yield f"  {name:<9} {_finding(name, found)}"
    yield f"  assessed  {', '.join(said['assessed'])}"
    yield f"  earns     {NUMERALS[said['stars']]} at most with this profile"
    if said.get("alone"):
        yield f"  runs go one at a time: {said['alone']}"
    for cap in said["caps"]:
        yield f"  {cap}"


def _finding(name: str, found: Mapping[str, Any]) -> str:
    value, place = found["value"], found["path"]
    at = f" at {place}" if place is not None else ""
    if name == "progress" and value is None:
        return "none was seen: faults are placed by the time that the golden run took"
    if name == "progress":
        longest = f", at most {found['longest_step_s']:.2f} s apart" if found["reports"] > 1 else ""
        return f"{value[0]} to {value[1]} records, {found['reports']} reports{at}{longest}"
    if name == "status":
        return f"{' -> '.join(value)}{at}"
    if name == "records":
        more = ", ..." if found["number"] > _SHOWN_RECORDS else ""
        return f"{found['number']} in {place}: {', '.join(value or ())}{more}"
    return f"{_shown(value)}{at}"


def _shown(value: Any) -> str:
    return excerpt(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
