"""What else may be asked of a server about its jobs: to cancel, pause and resume one, and to list them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_crashtest.model.paths import find
from mcp_crashtest.model.showing import paths_in
from mcp_crashtest.proposing.following import Id, changing_call
from mcp_crashtest.proposing.moving import status_in
from mcp_crashtest.proposing.offer import Offer, vocabulary, words
from mcp_crashtest.proposing.outputs import Source

_VERBS = {
    "cancel": ("cancel", "abort", "stop", "kill", "abbrechen"),
    "pause": ("pause", "suspend", "hold"),
    "resume": ("resume", "unpause", "continue"),
}
_OF_JOBS = vocabulary("jobs tasks runs exports imports operations executions auftraege migrations list queue")
_MOST_LISTINGS, _MOST_ITEMS = 4, 1000


def orders(offer: Offer, one: Id) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The orders that can be given to the job of an id, as a profile has them. None without the one that undoes it."""
    found = {}
    for name, verbs in _VERBS.items():
        call = changing_call(offer, one, verbs, "{task_id}")
        if call is not None and not {"all", "server"}.intersection(words(call.tool.name)):
            found[name] = {"tool": call.tool.name, "arguments": dict(call.arguments)}
    if not {"pause", "resume"} <= set(found):
        found = {name: call for name, call in found.items() if name == "cancel"}
    yield from found.items()


def listings(offer: Offer) -> Iterator[Source]:
    """Where the server may list its jobs: tools that can be called without arguments, and resources."""
    found = []
    for tool in offer.tools:
        said = words(tool.name)
        if not tool.required and "list" in said and _OF_JOBS.intersection(said):
            found.append(Source(tool=tool.name))
    found += [Source(resource=uri) for uri in offer.resources if _OF_JOBS.intersection(words(uri))]
    yield from found[:_MOST_LISTINGS]


def list_of(document: Any, one: Id) -> Mapping[str, Any] | None:
    """Where in a list of jobs this job stands, as ``[contract] list`` has it; None where it is not there."""
    for path, items in _lists(document, "$"):
        for item in items[:_MOST_ITEMS]:
            for at, value in paths_in(item):
                if at != "$" and _is(value, one):
                    status = status_in([item])
                    said = {"items": path, "handle": at}
                    return said | ({"status": status.value} if status and find(item, status.value) else {})
    return None


def _is(value: Any, one: Id) -> bool:
    return str(value) == str(one.value) or (isinstance(value, str) and value.endswith(f"/{one.value}"))


def _lists(document: Any, path: str) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(document, list):
        yield path, [item for item in document if isinstance(item, Mapping)]
    elif isinstance(document, Mapping):
        for name, value in document.items():
            yield from _lists(value, f"{path}.{name}")
