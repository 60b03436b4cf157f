"""What a server shows of itself before anything is asked of it, and how its names are read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words(name: str) -> list[str]:
    """The words of a name, in lower case: ``start_exportJob`` has three."""
    return [word.lower() for word in _WORD.findall(name)]


def vocabulary(*lines: str) -> frozenset[str]:
    """The words of some lines."""
    return frozenset(word for line in lines for word in line.split())


@dataclass(frozen=True, slots=True)
class Guess:
    """Something that was found out, and how; ``sure``: nothing else could be meant."""

    value: Any
    why: str
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as it is listed; ``task_support``: whether a call of it may, or must, be made a task of 2025-11-25."""

    name: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    task_support: str = ""

    @classmethod
    def listed(cls, said: Mapping[str, Any]) -> Tool:
        """A tool from an entry of ``tools/list``, whatever stands there."""
        schema, execution = said.get("inputSchema"), said.get("execution")
        return cls(
            str(said.get("name")),
            schema if isinstance(schema, Mapping) else {},
            str(said.get("description") or ""),
            str(execution.get("taskSupport") or "") if isinstance(execution, Mapping) else "",
        )

    @property
    def properties(self) -> dict[str, Mapping[str, Any]]:
        """Its arguments with their schemas, references resolved."""
        found = self.schema.get("properties")
        named = found if isinstance(found, Mapping) else {}
        return {str(name): self.resolved(schema) for name, schema in named.items()}

    @property
    def required(self) -> list[str]:
        """The arguments that it cannot do without."""
        found = self.schema.get("required")
        return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []

    @property
    def needed(self) -> list[str]:
        """The arguments that a call has to have: all of them, where none is said to be required."""
        return self.required or list(self.properties)

    def resolved(self, schema: Any) -> Mapping[str, Any]:
        """A schema with the one that it refers to, or the first of its alternatives that is not null."""
        said = schema if isinstance(schema, Mapping) else {}
        reference = said.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/"):
            target: Any = self.schema
            for step in reference[2:].split("/"):
                target = target.get(step) if isinstance(target, Mapping) else None
            said = {**(target if isinstance(target, Mapping) else {}), **{k: v for k, v in said.items() if k != "$ref"}}
        for key in ("anyOf", "oneOf"):
            others = said.get(key)
            chosen = (
                next((o for o in others if isinstance(o, Mapping) and o.get("type") != "null"), None)
                if isinstance(others, list)
                else None
            )
            if chosen is not None:
                said = {**chosen, **{k: v for k, v in said.items() if k != key}}
        return said


@dataclass(frozen=True, slots=True)
class Offer:
    """All that a server lists: tools, resources and templates by their URIs, and the extensions that it declares.

    ``has_tasks``: it declares that its tools' calls can be made tasks of revision 2025-11-25, and that is spoken.
    """

    tools: tuple[Tool, ...]
    templates: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    extensions: frozenset[str] = frozenset()
    has_tasks: bool = False

    @property
    def asked_by(self) -> Counter[str]:
        """The arguments that are all that a tool cannot do without, a word each, and how many tools take each alone."""
        alone = [tool for tool in self.tools if len(tool.needed) == 1 and _takes_a_word(tool, tool.needed[0])]
        return Counter(tool.needed[0] for tool in alone)

    def makes_tasks(self, tool: Tool) -> bool:
        """Whether a call of this tool can be made a task of revision 2025-11-25."""
        return self.has_tasks and tool.task_support in ("optional", "required")

    def tool(self, name: str) -> Tool | None:
        """The tool of this name."""
        return next((tool for tool in self.tools if tool.name == name), None)


def _takes_a_word(tool: Tool, name: str) -> bool:
    """Whether this argument may be any word."""
    schema = tool.properties.get(name, {})
    return type_of(schema) in ("string", "") and "enum" not in schema


def share(name: str, vocabulary: Iterable[str]) -> bool:
    """Whether a word of the name is one of these."""
    return not set(words(name)).isdisjoint(vocabulary)


def type_of(schema: Mapping[str, Any]) -> str:
    """The JSON type of an argument; the first one that is not null."""
    found = schema.get("type")
    if isinstance(found, list):
        found = next((name for name in found if name != "null"), None)
    if isinstance(found, str):
        return found
    return "string" if "enum" in schema else ""
