"""What a tool is called with: which argument is the job's size, which the batch's, which tells jobs apart.

Optional arguments that play none of these parts are left to the tool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.proposing.offer import Tool, share, type_of, vocabulary, words

_NUMBERS = ("integer", "number")
_TOTAL: Mapping[str, int] = {
    **dict.fromkeys(("total", "gesamt", "anzahl", "insgesamt"), 6),
    **dict.fromkeys(("count", "records", "items", "rows", "menge", "amount", "quantity", "datensaetze"), 5),
    **dict.fromkeys(("n", "num", "number", "howmany", "length", "entries", "elements", "documents", "files"), 4),
    **dict.fromkeys(("size", "limit", "steps", "iterations", "max", "pages", "epochs", "units", "to", "end"), 2),
}
_BATCH = vocabulary("batch batches chunk chunks block stapel group every per")
_NO_SIZE = vocabulary(
    "delay sleep pause ms seconds sec timeout wait interval rate duration latency seed priority offset retries",
    "retry attempts port concurrency workers parallelism threads ttl start begin from skip page percent fail",
    "failure id ids uuid year month week day version revision level jahr monat tag",
)
_YEAR, _A_YEAR = vocabulary("year jahr"), 2025
_NUMBERS_OF = vocabulary("count total num number anzahl")
_KEY = vocabulary("client session idempotency key run request correlation dedup dedupe token")
_ID = vocabulary("id uuid key token idempotency")
_JOB = vocabulary("job task run export import operation auftrag")
_PATH = vocabulary("path file filename folder directory dir output destination dest source input src out")
_INPUT = vocabulary("source input src in from")
_TWO = 2
FILLER = "crashtest"
"""The word that stands where any will do."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """A call's arguments as a profile has them, by the part that each plays: ``total``, ``batch``, ``key``, or filled.

    ``guesses`` say of some why they are so. ``size``: a number of records that the arguments hold themselves, where
    no placeholder can say it. ``input_file``: what the lab has to write beforehand.
    """

    template: Mapping[str, Any]
    parts: Mapping[str, str] = field(default_factory=dict)
    guesses: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    input_file: str | None = None


def arguments_for(tool: Tool, given: Mapping[str, Any], records: int, *, chosen: bool = False) -> Arguments:
    """What to call a tool with. ``given`` comes first. Raises UsageError for one that nobody can think of.

    ``chosen``: it is this one that starts the job, so that one of its numbers has to say how many records there are.
    """
    properties = tool.properties
    unknown = [name for name in given if properties and name not in properties]
    if unknown:
        raise UsageError(f"--argument {unknown[0]}: {tool.name} has no such argument; it has {', '.join(properties)}")
    open_ = {name: schema for name, schema in properties.items() if name not in given and _takes(schema, records)}
    parts = _parts(open_, tool.required)
    template: dict[str, Any] = {}
    guesses: dict[str, str] = {}
    if chosen and not parts and (two := _two_numbers(open_, tool.required)):
        parts = dict(zip(two, ("total", "batch"), strict=True))
        guesses = dict(zip(two, ("how many records, as the first number", "how many make a batch"), strict=True))
    size, input_file = None, None
    for name, schema in properties.items():
        if name in given:
            template[name] = given[name]
        elif name in parts:
            template[name] = _PLACEHOLDERS[parts[name]]
        elif name in tool.required and type_of(schema) == "array" and "total" not in parts.values() and size is None:
            template[name], size = _list(tool, name, schema, records), records
            guesses[name] = "a list of as many as the job has records"
        elif name in tool.required:
            template[name], why = _filled(tool, name, schema)
            guesses |= {name: why} if why else {}
            input_file = template[name] if template[name] == _INPUT_FILE else input_file
    any_word = [name for name, value in template.items() if value == FILLER and name not in given]
    if len(any_word) == 1 and "key" not in parts.values():
        template[any_word[0]] = _PLACEHOLDERS["key"]
        guesses[any_word[0]] = "any word: another one for each client, as it may be what its job is called by"
    template |= {name: value for name, value in given.items() if name not in template}
    parts |= {name: part for name, value in given.items() for part, said in _PLACEHOLDERS.items() if said == value}
    return Arguments(template, parts, guesses, size, input_file)


_PLACEHOLDERS = {"total": "{total_records}", "batch": "{batch_size}", "key": "{client_id}"}
_INPUT_FILE = "{state_dir}/in.jsonl"


def _parts(properties: Mapping[str, Mapping[str, Any]], required: Sequence[str]) -> dict[str, str]:
    """The arguments that play a part; of numbers of which no name says anything, the only one that is required."""
    numbers = [name for name, schema in properties.items() if type_of(schema) in _NUMBERS]
    batch = [name for name in numbers if share(name, _BATCH) and not _is_no_size(name)]
    sizes = [name for name in numbers if name not in batch and not _is_no_size(name)]
    rated = sorted(sizes, key=lambda name: -_rating(name))
    parts = {batch[0]: "batch"} if batch else {}
    needed = [name for name in rated if name in required]
    if rated and _rating(rated[0]) <= 0 and len(needed) == 1:
        rated = needed
    if rated and (_rating(rated[0]) > 0 or len(rated) == 1):
        parts[rated[0]] = "total"
    elif not rated and len(batch) == 1 and not share(batch[0], {"batch", "chunk", "stapel"}):
        parts[batch[0]] = "total"
    keys = [name for name, schema in properties.items() if type_of(schema) in ("string", "") and _is_key(name)]
    return parts | ({keys[0]: "key"} if keys else {})


def _two_numbers(properties: Mapping[str, Mapping[str, Any]], required: Sequence[str]) -> list[str]:
    """Two whole numbers of which no name says anything, and no other: nothing else can be the job's size."""
    numbers = [name for name, schema in properties.items() if type_of(schema) in _NUMBERS]
    found = [name for name in numbers if type_of(properties[name]) == "integer" and not _is_no_size(name)]
    alike = len({name in required for name in found}) == 1
    return found if len(found) == len(numbers) == _TWO and alike else []


def _takes(schema: Mapping[str, Any], records: int) -> bool:
    """Whether so many records are not less than what it takes, as a number that is none of records often says."""
    least = schema.get("minimum")
    return not isinstance(least, int | float) or least <= records


def _is_no_size(name: str) -> bool:
    """Whether a number of this name is none of records: one page is not, and how many pages there are may be."""
    said = set(words(name)) & _NO_SIZE
    return bool(said - {"page"}) or (bool(said) and not share(name, _NUMBERS_OF))


def _rating(name: str) -> int:
    return max((_TOTAL.get(word, 0) for word in words(name)), default=0)


def _is_key(name: str) -> bool:
    """Whether a name is that of what tells this client's job from another's."""
    said = set(words(name))
    if said & _JOB and said <= _JOB | {"name", "label"}:
        return True
    return bool(said & _ID) and (bool(said & _KEY - {"key", "token"}) or bool(said & _JOB) or said <= _ID - {"token"})


def is_key(name: str) -> bool:
    """Whether an argument of this name is what a client calls its job by."""
    return _is_key(name)


def _filled(tool: Tool, name: str, schema: Mapping[str, Any]) -> tuple[Any, str]:
    """A value for a required argument, and why it is a guess; nothing said where the schema itself names it."""
    for key in ("const", "default"):
        if key in schema:
            return schema[key], ""
    for key in ("enum", "examples"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0], f"the first of its {'values' if key == 'enum' else 'examples'}"
    match type_of(schema):
        case "integer" | "number":
            if share(name, _YEAR) and "minimum" not in schema:
                return _A_YEAR, "any year will do"
            least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
            return least, "the least that it takes"
        case "boolean":
            return False, "nothing more than needed"
        case "array":
            return [], "an empty list"
        case "object":
            inner = Tool(tool.name, {**schema, "$defs": tool.schema.get("$defs", {})})
            return {
                key: _filled(tool, key, inner.properties.get(key, {}))[0] for key in inner.required
            }, "what it requires"
        case "string" | "":
            return _text(name, schema)
        case other:
            raise UsageError(
                f"cannot find out what {tool.name} is to be called with: its argument {name!r} is of the type "
                f"{other!r}; give --argument {name}=VALUE"
            )


def _text(name: str, schema: Mapping[str, Any]) -> tuple[str, str]:
    if share(name, _PATH):
        inward = share(name, _INPUT)
        return (_INPUT_FILE if inward else "{state_dir}/out.jsonl"), "a file of this run's own"
    if schema.get("format") in ("uri", "url") or share(name, {"url", "uri"}):
        return "http://127.0.0.1/", "an address that nobody answers"
    return FILLER[: schema.get("maxLength", len(FILLER))], "any word"


def _list(tool: Tool, name: str, schema: Mapping[str, Any], records: int) -> list[Any]:
    items = tool.resolved(schema.get("items"))
    match type_of(items):
        case "integer" | "number":
            return list(range(records))
        case "string" | "":
            return [f"record-{number:03}" for number in range(records)]
        case other:
            raise UsageError(
                f"cannot find out what {tool.name} is to be called with: {name!r} is a list of the type {other!r}; "
                f"give --argument {name}=JSON"
            )
