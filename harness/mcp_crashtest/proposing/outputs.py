"""Where the records of a job's output are, and what tells one from another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from mcp_crashtest.model.paths import find
from mcp_crashtest.model.showing import paths_in
from mcp_crashtest.proposing.following import CHANGES, Id, call_with, ids_in
from mcp_crashtest.proposing.offer import Offer, Tool, share, vocabulary, words

_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_GIVES = vocabulary(
    "result results records rows output items list download data export keys lines ergebnis ergebnisse page fetch",
    "entries documents get read",
)
_KEY_NAMES = ("id", "key", "record", "n", "number", "index", "i", "uuid", "name", "nr", "nummer", "position", "row")
_NEXT_NAMES = vocabulary("next cursor continuation more")
_PAGE_NAMES = vocabulary("page offset cursor start seite")
_MOST_SOURCES = 8
_RANDOM = re.compile(r"[0-9a-f-]{12,}", re.IGNORECASE)
_TIME_NAMES = vocabulary("at time timestamp ts when created updated started finished elapsed duration ms seconds")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|1[6-9]\d{8}(\d{3})?(\.\d+)?$")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the records may be, in templates as a profile has them: behind a tool's call or a resource, in a file, or
    in a SQLite database. Nothing of it: in the answer.
    """

    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    resource: str | None = None
    file: str | None = None
    sqlite: str | None = None
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """A list of records within a document: its path, how many it has, the path of a key, and of the next page."""

    items: str
    number: int
    key: str
    next: str | None = None
    sure: bool = True


def sources(
    offer: Offer,
    start: Tool,
    ids: Sequence[Id],
    document: Any,
    *,
    blocking: bool,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Source]:
    """Where the records may be, beside the answer itself, the likeliest first.

    ``given`` is what the job was called with: by that its records may be asked for too.
    """
    found: list[tuple[int, Source]] = []
    named = [*ids, *_ids_of(document)]
    for tool in offer.tools:
        if tool.name == start.name or share(tool.name, CHANGES):
            continue
        for one in named:
            if (call := call_with(tool, one, _template(one, blocking=blocking))) is not None:
                rating = 2 * share(tool.name, _GIVES) - share(tool.name, {"status", "state"})
                found.append((rating, Source(tool=tool.name, arguments=call.arguments)))
                break
        else:
            if tool.required and all(name in given for name in tool.required):
                same = {name: given[name] for name in tool.required}
                found.append((2 * share(tool.name, _GIVES), Source(tool=tool.name, arguments=same)))
    found += [(4, Source(resource=f"{{{path[2:]}}}")) for path in _uris_of(document)]
    found += [(3 if share(uri, _GIVES) else 1, Source(resource=_filled(uri))) for uri in offer.templates]
    ranked = sorted(found, key=lambda pair: -pair[0])
    yield from (source for _, source in ranked[:_MOST_SOURCES])


def _template(one: Id, *, blocking: bool) -> str:
    if one.path is None or not blocking:
        return "{task_id}"
    return f"{{{one.path.removeprefix('$.')}}}"


def _ids_of(document: Any) -> list[Id]:
    return ids_in(document, "") if isinstance(document, Mapping) else []


def _uris_of(document: Any) -> list[str]:
    if not isinstance(document, Mapping):
        return []
    return [
        path
        for path, value in paths_in(document)
        if isinstance(value, str) and "://" in value and "[" not in path and not value.startswith(("http", "file"))
    ]


def _filled(template: str) -> str:
    """A resource template with the placeholders of a profile in its variables; a page is the first."""

    def placeholder(match: re.Match[str]) -> str:
        return "0" if share(match[1], _PAGE_NAMES) else "{task_id}"

    return _VARIABLE.sub(placeholder, template)


def records_in(document: Any, records: int | None) -> Records | None:
    """The list of records in a document: the one that is as long as the job, or else a page of them; None without.

    A page is one behind which something leads on.
    """
    if isinstance(document, Mapping) and list(document) == ["result"] and isinstance(document["result"], list):
        document = document["result"]
    found = []
    for path, value in _lists(document):
        key = key_in(value)
        if key is None or (records is not None and len(value) > records):
            continue
        following = _leading_on(document)
        if records is None or len(value) == records:
            found.append((2 + (records is not None), len(value), Records(path, len(value), key, None)))
        elif following is not None:
            found.append((1, len(value), Records(path, len(value), key, following, sure=False)))
    return max(found, key=lambda one: one[:2], default=(0, 0, None))[2]


def _lists(document: Any, prefix: str = "$") -> Iterator[tuple[str, list[Any]]]:
    if isinstance(document, list):
        yield prefix, document
    elif isinstance(document, Mapping):
        for name, value in document.items():
            if isinstance(name, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
                yield from _lists(value, f"{prefix}.{name}")


def paged(tool: Tool, source: Source, following: str) -> Source | None:
    """The source with where the next page is asked for, by what leads on to it; None where the tool takes no such."""
    said = _NEXT_NAMES | _PAGE_NAMES | set(words(following.rsplit(".", 1)[-1]))
    names = [name for name in tool.properties if name not in source.arguments and share(name, said)]
    return replace(source, arguments={**source.arguments, names[0]: "{next}"}) if names else None


def _leading_on(document: Any) -> str | None:
    for path, value in paths_in(document):
        last = words(path.rsplit(".", 1)[-1])
        if value and isinstance(value, str | int) and "[" not in path and _NEXT_NAMES.intersection(last):
            return path
    return None


def key_in(items: Sequence[Any]) -> str | None:
    """The path of what is different in each record, and the same in each run, as far as one can tell; None without."""
    if not items:
        return None
    if not isinstance(items[0], Mapping):
        plain = all(isinstance(item, str | int) for item in items)
        return "$" if plain and len(set(map(str, items))) == len(items) else None
    rated = []
    for path, value in paths_in(items[0]):
        if "[" in path or path == "$" or not isinstance(value, str | int) or isinstance(value, bool):
            continue
        values = [find(item, path) for item in items]
        if all(value is not None for value in values) and len(set(map(str, values))) == len(items):
            rated.append((_key_rating(path, values), path))
    return max(rated, default=(0, None))[1]


def _key_rating(path: str, values: Sequence[Any]) -> tuple[int, int]:
    """What is named as a key comes first, then what counts, then a text; a measure may be different by chance.

    What was made up, or is a time, is another one in each run.
    """
    said = words(path.rsplit(".", 1)[-1])
    named = max((len(_KEY_NAMES) - _KEY_NAMES.index(word) for word in said if word in _KEY_NAMES), default=0)
    numbers = sorted(value for value in values if isinstance(value, int))
    counted = len(numbers) == len(values) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    text = not numbers
    random = all(isinstance(value, str) and _RANDOM.fullmatch(value) for value in values)
    rating = (named and 10) + (5 if counted else 4 if text else 2) - 12 * random - 20 * is_time(path, values)
    return rating, named - path.count(".")


def is_time(path: str, values: Sequence[Any]) -> bool:
    """Whether it says when a record was made, by its name or by all its values."""
    if _TIME_NAMES.intersection(words(path.rsplit(".", 1)[-1])):
        return True
    return bool(values) and all(_TIME.match(str(value)) for value in values)
