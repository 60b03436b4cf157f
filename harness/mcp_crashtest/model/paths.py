"""Placeholders and paths: how a profile says what goes into a subject, and where something is in what comes out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcp_crashtest.model.errors import UsageError

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_INDEX = re.compile(r"\[([0-9]{1,9})\]")


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Fill ``{name}`` placeholders in a template of strings, lists and tables.

    A string that is nothing but one placeholder becomes the value itself, so that a number stays a number. Braces
    around anything that is not a known name are left alone: JSON in a command survives.
    """
    if isinstance(template, str):
        whole = _PLACEHOLDER.fullmatch(template)
        if whole and whole[1] in values:
            return values[whole[1]]
        return _PLACEHOLDER.sub(lambda m: str(values.get(m[1], m[0])), template)
    if isinstance(template, Mapping):
        return {key: fill(item, values) for key, item in template.items()}
    if isinstance(template, list | tuple):
        return [fill(item, values) for item in template]
    return template


def find(document: Any, path: str) -> Any:
    """The value at a path such as ``$.result.records[0].id``; None where there is none.

    Only names and indexes: whoever needs more of JSONPath should shape the answer instead. Raises UsageError for a
    path that is not of this form.
    """
    if not path.startswith("$"):
        raise UsageError(f"the path {path!r} must begin with '$', as in '$.result.count'")
    value = document
    for part in path[1:].replace("[", ".[").split("."):
        if not part:
            continue
        if part.startswith("["):
            written = _INDEX.fullmatch(part)
            if written is None:
                raise UsageError(f"the path {path!r} has {part!r} where an index such as [0] is expected")
            index = int(written[1])
            value = value[index] if isinstance(value, list) and index < len(value) else None
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value
