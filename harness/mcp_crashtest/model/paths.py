"""Placeholders and paths: how a profile says what goes into a subject, and where something is in what comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mcp_crashtest.model.errors import UsageError

_INDEX = re.compile(r"\[([0-9]{1,9})\]")
_STEP = r"[A-Za-z_][A-Za-z0-9_-]*"
_WRITTEN = rf"(?:\$\.)?({_STEP}(?:\.{_STEP}|\[[0-9]{{1,9}}\])*)"
_PLACEHOLDER = re.compile(rf"\{{\{{({_STEP})\}}\}}|\{{{_WRITTEN}\}}")


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Fill placeholders in a template of strings, lists and tables: ``{name}``, or a path as in ``{job.id}``.

    A string that is nothing but one placeholder becomes the value itself, so that a number stays a number. Braces
    around anything that is not a known name are left alone: JSON in a command survives. ``{{name}}`` is ``{name}``.
    """
    if isinstance(template, str):
        whole = _PLACEHOLDER.fullmatch(template)
        if whole and whole[2] and (value := _value_of(whole[2], values)) is not None:
            return value
        return _PLACEHOLDER.sub(lambda m: f"{{{m[1]}}}" if m[1] else _text_of(m, values), template)
    if isinstance(template, Mapping):
        return {key: fill(item, values) for key, item in template.items()}
    if isinstance(template, list | tuple):
        return [fill(item, values) for item in template]
    return template


def _text_of(match: re.Match[str], values: Mapping[str, Any]) -> str:
    value = _value_of(match[2], values)
    return match[0] if value is None or isinstance(value, Mapping | list) else str(value)


def _value_of(name: str, values: Mapping[str, Any]) -> Any:
    return values[name] if name in values else find(values, f"$.{name}")


def placeholders(template: Any) -> Iterator[str]:
    """The names in a template's placeholders, in order: what ``fill`` would need a value for."""
    if isinstance(template, str):
        yield from (match[2] for match in _PLACEHOLDER.finditer(template) if match[2])
    elif isinstance(template, Mapping | list | tuple):
        for item in template.values() if isinstance(template, Mapping) else template:
            yield from placeholders(item)


@dataclass(frozen=True, slots=True)
class Trace:
    """How far a path goes in a document: ``value`` is None where ``missing`` is the first step that is not there.

    ``matched`` is the part of the path before it. A value that is null is found, and is no value.
    """

    value: Any
    matched: str
    missing: str | None = None


def find(document: Any, path: str) -> Any:
    """The value at a path such as ``$.result.records[0].id``; None where there is none.

    Only names and indexes: whoever needs more of JSONPath should shape the answer instead. Raises UsageError for a
    path that is not of this form.
    """
    value = document
    for step in _steps(path):
        inner = _within(value, step)
        if inner is None:
            return None
        value = inner[0]
    return value


def trace(document: Any, path: str) -> Trace:
    """Follow a path as far as it goes; raises UsageError for one that is not of the form that ``find`` takes."""
    value, matched, missing = document, "$", None
    for step in _steps(path):
        inner = _within(value, step) if missing is None else None
        if inner is None:
            missing = missing or step
            continue
        value, matched = inner[0], f"{matched}{step}" if step.startswith("[") else f"{matched}.{step}"
    return Trace(None if missing else value, matched, missing)


def _within(value: Any, step: str) -> tuple[Any] | None:
    if step.startswith("["):
        index = int(step[1:-1])
        return (value[index],) if isinstance(value, list) and index < len(value) else None
    return (value[step],) if isinstance(value, Mapping) and step in value else None


@lru_cache
def _steps(path: str) -> Sequence[str]:
    if not path.startswith("$"):
        raise UsageError(f"the path {path!r} must begin with '$', as in '$.result.count'")
    steps = [step for step in path[1:].replace("[", ".[").split(".") if step]
    for step in steps:
        if step.startswith("[") and _INDEX.fullmatch(step) is None:
            raise UsageError(f"the path {path!r} has {step!r} where an index such as [0] is expected")
    return steps
