"""What to change in a profile: the document with the place at which a path ends, the nearest ones, a line to paste."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec
from mcp_crashtest.model.profile import SITE_NAMES
from mcp_crashtest.model.showing import nearest, paths_in, pretty

_MOST = 3


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_name(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


# What can stand at the path of a key.
_SUITABLE: Mapping[str, Callable[[Any], bool]] = {
    "handle": _is_name,
    "status": _is_text,
    "progress": _is_number,
    "total": _is_number,
    "count": _is_number,
    "records.items": _is_list,
    "records.next": _is_name,
    "records.key": _is_name,
}


def on_path(observe: ObserveSpec, key: str, way: Mapping[str, Any], what: str, document: Any) -> str:
    """What to say about a path of [observe] that finds nothing; ``way`` is how far it goes."""
    if "placeholder" in way:
        return _on_placeholder(observe, key, way, what, document)
    path, is_written = str(way["path"]), _is_written(observe, key)
    said = f'[observe] {key} = "{path}"' if is_written else f'[observe] {key}: the usual path "{path}"'
    if key == "records.file":
        return f"{said} is not there when the job says that it is done; what is there:\n\n{_indented(pretty(document))}"
    if isinstance(document, str):
        rest = f"leave {key} out: what the profile does not name is not looked for" if is_written else "no JSON"
        return (
            f"{said} finds nothing in {what}, which is text and has no paths ({rest}):\n\n{_indented(pretty(document))}"
        )
    others = suggestions(key, path, document)
    ends = "is null, or of no use, here" if way.get("missing") is None else f"no {way['missing']!r} here"
    near = f"; the nearest: {', '.join(others)}" if others else ""
    shown = _indented(pretty(document, str(way["matched"]), f"{path} ends: {ends}{near}"))
    return f"{said} finds nothing in {what}:\n\n{shown}\n\n{_to_paste(observe, key, others)}"


def suggestions(key: str, path: str, document: Any) -> list[str]:
    """Paths of the document that may have been meant, the likeliest first."""
    suits = _SUITABLE.get(key, _is_name)
    paths = [found for found, value in paths_in(document) if suits(value) and (found != "$" or key == "records.items")]
    near = nearest(path, paths, _MOST)
    return near or paths[:_MOST]


def _is_written(observe: ObserveSpec, key: str) -> bool:
    return key.startswith("records.") or key in observe.written


def _on_placeholder(observe: ObserveSpec, key: str, way: Mapping[str, Any], what: str, document: Any) -> str:
    name = str(way["placeholder"])
    own = [path.removeprefix("$.") for path, value in paths_in(document) if path != "$" and _is_name(value)]
    names = [*own, "id", "handle", *sorted(SITE_NAMES)]
    near = nearest(name, names) or own[:_MOST]
    meant = f"\n\nDid you mean {' or '.join(f'{{{other}}}' for other in near)}?" if near else ""
    place = f'[observe] {key} = "{way["path"]}"' if isinstance(way["path"], str) else f"[observe] {key}"
    return f"{place}: nothing fills {{{name}}}; {what} is\n\n{_indented(pretty(document))}{meant}"


def _to_paste(observe: ObserveSpec, key: str, others: list[str]) -> str:
    if key == "total":
        progress = observe.path("progress")
        units = ("percent", "records", "batches", "fraction")
        likely = [unit for unit in units if unit in progress.lower()]  # progress that says itself what it is
        lines = [
            *(f'unit = "{unit}"' for unit in likely),
            *(f'total = "{path}"' for path in others[:1] if path != progress),
            "total = 100",
            *(f'unit = "{unit}"' for unit in units if unit not in likely),
        ]
        return "\n".join(["Say in [observe] what progress is counted in, one of:\n", *map(_indented, lines)])
    if not others:
        return f"Change {key} in [observe] of the profile, or leave it out."
    if observe.records and key.startswith("records."):
        line = _records_line(observe.records, key.removeprefix("records."), others[0])
    else:
        line = f'{key} = "{others[0]}"'
    return f"To be changed in [observe] of the profile, if it is that:\n\n{_indented(line)}"


def _records_line(records: RecordsSpec, name: str, path: str) -> str:
    said = {field.name: getattr(records, field.name) for field in fields(records)} | {name: path}
    kept = {k: v for k, v in said.items() if v is not None and v != {} and not (k == "items" and v == "$")}
    return f"records = {{ {', '.join(f'{k} = {_toml(v)}' for k, v in kept.items())} }}"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{k} = {_toml(v)}' for k, v in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)


def on_word(word: str, ends: list[str], *, all_done: bool) -> str:
    """What to say about a word at which nothing moves any more, and that nobody knows."""
    likely, others = ("completed", "failed") if all_done else ("failed", "completed")
    return (
        f"nobody knows what the status {word!r} means; known as ends are {', '.join(ends)}. If the job has ended with "
        f"it, say how, in [observe] of the profile:\n\n"
        f"{_indented(f'words = {{ {likely} = [{json.dumps(word)}] }}')}\n\n"
        f"(or {others}, or cancelled; running for a word that is no end)"
    )


def on_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[str]:
    """What a tool's input schema has against these arguments, as far as a person needs to know."""
    properties = schema.get("properties")
    known: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
    names_them = bool(known) or schema.get("additionalProperties") is False
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if name not in arguments:
            yield f"{name!r} is required and missing"
    for name, value in arguments.items():
        if name not in known:
            if names_them:
                near = nearest(name, list(known), 1)
                yield f"there is no argument {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            continue
        wanted = known[name].get("type") if isinstance(known[name], Mapping) else None
        if isinstance(wanted, str) and wanted in _TYPES and not _TYPES[wanted](value):
            yield f"{name!r} is to be of the type {wanted}, and is {value!r}"


_TYPES: Mapping[Any, Callable[[Any], bool]] = {
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _is_number,
    "string": _is_text,
    "boolean": lambda value: isinstance(value, bool),
    "array": _is_list,
    "object": lambda value: isinstance(value, Mapping),
}


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
