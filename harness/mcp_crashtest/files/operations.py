"""What a profile says about operations: cancel, pause, resume, answer, list, stats and poison under [contract]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_crashtest.model.contract_spec import ToolSpec
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.offers import OPERATIONS, ListSpec, Principal, StatsSpec
from mcp_crashtest.model.paths import find
from mcp_crashtest.model.profile import Profile

SPECS: Mapping[str, type[Any]] = {
    "cancel": ToolSpec,
    "pause": ToolSpec,
    "resume": ToolSpec,
    "answer": ToolSpec,
    "list": ListSpec,
    "stats": StatsSpec,
    "poison": ToolSpec,
}
_STATUSES = ("pending", "running", "completed", "failed", "cancelled", "paused")


def check_operations(profile: Profile, source: str) -> None:
    """Check what is said of operations; raises UsageError."""
    for complaint in _complaints(profile):
        raise UsageError(f"{source}: [contract] {complaint}")


def principals_in(data: Any, source: str) -> tuple[Principal, ...]:
    """The [[principals]]: each with a name of his own and headers; raises UsageError."""
    place = f"{source}: [[principals]]"
    tables = isinstance(data, list) and all(isinstance(one, Mapping) for one in data)
    if not tables or any(set(one) - {"name", "headers"} for one in data):
        raise UsageError(f"{place}: each has a name, and headers = {{ NAME = VALUE }} that go with its requests")
    principals: list[Principal] = []
    for one in data:
        name, headers = one.get("name"), one.get("headers", {})
        if not isinstance(name, str) or not name or any(name == other.name for other in principals):
            raise UsageError(f"{place}: each needs a name of its own, found {name!r}")
        if not isinstance(headers, Mapping) or not all(isinstance(value, str) for value in headers.values()):
            raise UsageError(f"{place}: headers of {name} are names with text, found {headers!r}")
        principals.append(Principal(name, dict(headers)))
    if len(principals) == 1:
        raise UsageError(f"{place}: there is one, {principals[0].name}, and nobody to keep him apart from; add another")
    return tuple(principals)


def _complaints(profile: Profile) -> Iterator[str]:
    contract = profile.contract
    said = [name for name in OPERATIONS if getattr(contract, name) is not None]
    if said and contract.kind.blocking:
        yield f"{said[0]}: a call that comes back with the output has no task that could be asked about"
    if (contract.pause is None) != (contract.resume is None):
        yield "pause and resume belong together: a job that is paused is to go on, and to end; give both"
    for spec in (contract.list, contract.stats):
        if spec is not None:
            yield from _place(spec)
    if contract.list is not None:
        listed = contract.list
        paths = {"items": listed.items, "handle": listed.handle, "status": listed.status, "next": listed.next}
        yield from _paths("list", paths)
    if contract.stats is not None:
        for word in contract.stats.counts:
            if word not in _STATUSES:
                yield f"stats: counts has {word!r}, which is none of {', '.join(_STATUSES)}"
        yield from _paths("stats", {**contract.stats.counts, "total": contract.stats.total})


def _place(spec: ListSpec | StatsSpec) -> Iterator[str]:
    name = "list" if isinstance(spec, ListSpec) else "stats"
    if (spec.tool is None) == (spec.resource is None):
        yield f"{name} needs a tool or a resource, one of the two"
    if spec.arguments and spec.tool is None:
        yield f"{name}: arguments are those of a tool: give tool too"


def _paths(name: str, paths: Mapping[str, str | None]) -> Iterator[str]:
    for key, path in paths.items():
        try:
            find(None, path or "$")
        except UsageError as error:
            yield f"{name}: {key}: {error}"
