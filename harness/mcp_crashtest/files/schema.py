"""The JSON schema of a profile, for editors: made from the dataclasses that a profile is read into.

``python -m mcp_crashtest.files.schema`` writes it anew. It says which keys there are, of which kind and what they mean;
what belongs together is checked where a profile is read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mcp_crashtest.files.atomic import write_atomically
from mcp_crashtest.files.meanings import ARRAYS, MEANINGS, TABLES, keys_of
from mcp_crashtest.model.subject_spec import UNSAID

FILE = Path(__file__).resolve().parents[1] / "profile.schema.json"
_DRAFT = "http://json-schema.org/draft-07/schema#"  # what editors of TOML know


def schema() -> dict[str, Any]:
    """The schema of a file with one profile, or with several."""
    definitions: dict[str, Any] = {}
    tables = {name: _table(name, kind, definitions) for name, kind in TABLES.items()}
    own: dict[str, Any] = {"name": {"type": "string"}, **tables}
    for name, kind in ARRAYS.items():
        items = _table(name, kind, definitions, whole=True)
        own[name] = {"type": "array", "items": items} | ({"minItems": 2} if name == "principals" else {})
    several = {"type": "object", "properties": own, "additionalProperties": False}
    properties = {**own, "subjects": {"type": "object", "minProperties": 1, "additionalProperties": several}}
    return {
        "$schema": _DRAFT,
        "title": "A profile of mcp-crashtest",
        "type": "object",
        "anyOf": [{"required": ["contract"]}, {"required": ["subjects"]}],
        "properties": properties,
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def text() -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=True) + "\n"


def _table(name: str, kind: type[Any], definitions: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
    found = TypeAdapter(kind).json_schema(ref_template="#/$defs/{model}")
    definitions.update({key: _plain(inner) for key, inner in found.pop("$defs", {}).items()})
    table: dict[str, Any] = _plain(found)
    if not whole:
        table.pop("required", None)  # what several have in common need not be whole
    for place, _ in keys_of(kind, name):
        first, _, second = place.removeprefix(f"{name}.").partition(".")
        if not second:
            table["properties"][first]["description"] = MEANINGS[place]
        else:
            inner = definitions[table["properties"][first]["$ref"].rpartition("/")[2]]
            inner["properties"][second]["description"] = MEANINGS[place]
    return table


def _plain(found: Any) -> Any:
    """Without titles and nulls, which TOML has not, and closed against keys that there are not."""
    if isinstance(found, list):
        return [_plain(item) for item in found]
    if not isinstance(found, dict):
        return found
    kept = {k: v for k, v in found.items() if k not in ("title", "description") and not (k == "default" and v is None)}
    if isinstance(kept.get("anyOf"), list):
        choices = [_plain(choice) for choice in kept.pop("anyOf") if choice != {"type": "null"}]
        kept |= choices[0] if len(choices) == 1 else {"anyOf": choices}
    if isinstance(kept.get("properties"), dict):
        kept["properties"] = {k: _plain(v) for k, v in kept["properties"].items() if k not in UNSAID}
        kept["additionalProperties"] = False
        return kept
    return {k: _plain(v) for k, v in kept.items()}


if __name__ == "__main__":
    write_atomically(FILE, text())
