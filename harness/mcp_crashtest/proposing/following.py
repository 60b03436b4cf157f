"""How a job is followed once it was started: by a resource, by a tool that takes its id, or not at all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.model.showing import paths_in
from mcp_crashtest.proposing.arguments import is_key
from mcp_crashtest.proposing.offer import Offer, Tool, share, type_of, vocabulary, words

_URI = re.compile(r"([a-z][a-z0-9+.-]*)://[^\s\"'<>]+", re.IGNORECASE)
_NOT_OURS = vocabulary("http https file mailto ftp")
_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ONE_WORD = re.compile(r"[^\s\"'{}\[\]]{1,200}")
_MADE_UP = re.compile(
    r"(?:[A-Za-z]+[_-])?(?=[0-9a-f-]*[0-9])(?:[0-9a-f]{8}|[0-9a-f]{4,}-[0-9a-f]{4})[0-9a-f-]*", re.IGNORECASE
)
NAMES_ID = vocabulary("id uuid guid handle token key ref reference ticket kennung nummer number")
NAMES_JOB = vocabulary("job task run operation execution work auftrag export import migration request order")
_NO_ID = vocabulary("client session parent user server total count")
_TELLS = vocabulary(
    "status state progress check poll get describe info query inspect show stand zustand fortschritt watch",
    "monitor lookup",
)
TELLS_BEST = vocabulary("status state progress poll stand zustand fortschritt")
CHANGES = vocabulary(
    "cancel delete abort stop kill pause resume forget remove retry answer start restart abbrechen clear update",
    "set submit run create",
)
_ALSO_NOUNS = vocabulary("run")  # run_status tells of a run, and run_report runs one
_GIVES = vocabulary("result results records rows output items list download ergebnis ergebnisse fetch")


@dataclass(frozen=True, slots=True)
class Id:
    """What names a job in an answer: its path, None for the whole text of it."""

    path: str | None
    value: str | int

    @property
    def name(self) -> str:
        """The last step of its path."""
        return "" if self.path is None else self.path.rsplit(".", 1)[-1]


@dataclass(frozen=True, slots=True)
class Asking:
    """A tool's call about a job: ``arguments`` as a profile has them, with ``{handle}``."""

    tool: Tool
    arguments: Mapping[str, Any] = field(default_factory=dict)


def uris_in(text: str, links: tuple[str, ...] = ()) -> list[str]:
    """The resources that an answer names, those that are linked first."""
    found = [match[0].rstrip(".,;)") for match in _URI.finditer(text) if match[1].lower() not in _NOT_OURS]
    return list(dict.fromkeys([*links, *found]))


def ids_in(document: Any, text: str, asked_by: Collection[str] = ()) -> list[Id]:
    """What may be the job's id in an answer, the likeliest first; also what has a name by which tools ask of jobs."""
    if not isinstance(document, Mapping | list):
        whole = text.strip()
        return [Id(None, whole)] if _ONE_WORD.fullmatch(whole) else []
    found = [
        (Id(path, value), _rating(path, value) or int(isinstance(value, str) and path.rsplit(".", 1)[-1] in asked_by))
        for path, value in paths_in(document)
        if _is_name(value)
    ]
    return [one for one, rating in sorted(found, key=lambda pair: -pair[1]) if rating > 0]


def _is_name(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value) and _ONE_WORD.fullmatch(value) is not None and "://" not in value
    return isinstance(value, int) and not isinstance(value, bool)


def _rating(path: str, value: str | int) -> int:
    """Names of ids come before values that look as if somebody had made them up to be one."""
    said = set(words(path.rsplit(".", 1)[-1]))
    around = set(words(path))
    made_up = isinstance(value, str) and _MADE_UP.fullmatch(value) is not None
    if "[" in path or not (made_up or said & (NAMES_ID | NAMES_JOB)):
        return 0
    rating = 3 * bool(said & NAMES_ID) + 2 * bool(around & NAMES_JOB) + made_up
    return rating - 3 * bool(said & _NO_ID) - path.count(".") // 3


def status_calls(offer: Offer, start: Tool, ids: list[Id]) -> Iterator[tuple[Id, Asking]]:
    """The calls by which it may be asked how the job of an id stands, the likeliest first."""
    found = []
    for tool in offer.tools:
        if tool.name == start.name or _changes(tool.name):
            continue
        for one in ids:
            if (call := call_with(tool, one)) is not None:
                rating = 2 * share(tool.name, _TELLS) + 3 * share(tool.name, TELLS_BEST)
                rating += 2 * (words(next(iter(call.arguments))) == words(one.name)) - 2 * share(tool.name, _GIVES)
                found.append((rating, one, call))
    for _, one, call in sorted(found, key=lambda each: -each[0]):
        yield one, call


def status_resources(offer: Offer, ids: list[Id]) -> Iterator[tuple[Id, str]]:
    """The resources at which it may stand how the job of an id goes on, as a handle is made of the answer."""
    found = []
    for template in offer.templates:
        variables = _VARIABLE.findall(template)
        if len(variables) != 1:
            continue
        for one in ids:
            name = "id" if one.path is None else one.path.removeprefix("$.")
            if variables[0] != one.name and not set(words(variables[0])) & (NAMES_ID | NAMES_JOB):
                continue
            rating = 2 * share(template, _TELLS) + 3 * share(template, TELLS_BEST) - 2 * share(template, _GIVES)
            rating += 2 * (words(variables[0]) == words(one.name))
            found.append((rating, one, template.replace(f"{{{variables[0]}}}", f"{{{name}}}")))
    for _, one, handle in sorted(found, key=lambda each: -each[0]):
        yield one, handle


def _changes(name: str) -> bool:
    """Whether a tool does something to a job, by its name, and is not to be called to look at one."""
    return share(name, CHANGES - _ALSO_NOUNS) or (share(name, _ALSO_NOUNS) and not share(name, TELLS_BEST))


def call_with(tool: Tool, one: Id, template: str = "{handle}") -> Asking | None:
    """The call of a tool that takes this id and nothing else that it cannot do without; None where it takes none."""
    suitable = [name for name, schema in tool.properties.items() if _takes(name, schema, one)]
    exact = [name for name in suitable if words(name) == words(one.name)]
    required = [name for name in suitable if name in tool.required]
    name = next(iter(exact or required or suitable), None)
    if name is None or any(other != name for other in tool.required):
        return None
    return Asking(tool, {name: template})


def _takes(name: str, schema: Mapping[str, Any], one: Id) -> bool:
    said = set(words(name))
    if "enum" in schema or type_of(schema) not in ("string", "integer", ""):
        return False
    if type_of(schema) == "integer" and not isinstance(one.value, int):
        return False
    if said & _NO_ID and not said & _NO_ID & set(words(one.name)):
        return False
    return bool(said & (NAMES_ID | NAMES_JOB)) or is_key(name) or words(name) == words(one.name)


def changing_call(offer: Offer, one: Id, verbs: tuple[str, ...], template: str) -> Asking | None:
    """The call of a tool that does this to the job of an id, by its name; None where there is none."""
    for verb in verbs:
        for tool in offer.tools:
            if verb in words(tool.name) and (call := call_with(tool, one, template)) is not None:
                return call
    return None
