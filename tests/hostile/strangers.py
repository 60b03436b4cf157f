"""Every request that a stranger can make about somebody's task, made from what the server itself lists.

A request is asked twice: about the task, and about one that there is not. A tool, resource or method that is new takes
part by being listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.model.paths import fill, placeholders
from tests.reference_server.raw import Raw, Refused

_FRESH = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\d[T ][0-9:.]+(?:Z|\+00:00)?"
)
_BY_TYPE: dict[str, Any] = {"string": "x", "integer": 1, "number": 0.01, "boolean": True, "object": {}, "array": []}

# What each method takes of a task; None: nothing, and what it lists is looked through.
OF_A_TASK: dict[str, tuple[dict[str, Any], ...] | None] = {
    "ping": None,
    "server/discover": None,
    "tools/list": None,
    "resources/list": None,
    "resources/templates/list": None,
    "prompts/list": None,
    "prompts/get": ({"name": "{id}"},),
    "tools/call": (),  # made from the list of tools
    "resources/read": (),  # made from the list of templates
    "logging/setLevel": ({"level": "info"},),
    "tasks/get": ({"taskId": "{id}"},),
    "tasks/update": ({"taskId": "{id}", "inputResponses": {"overwrite": {"action": "accept"}}},),
    "tasks/cancel": ({"taskId": "{id}"},),
    "subscriptions/listen": ({"notifications": {"taskIds": ["{id}"]}},),
    "resources/subscribe": ({"uri": "task://status/{id}"},),
    "resources/unsubscribe": ({"uri": "task://status/{id}"},),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A method and its parameters, with ``{id}`` where a task is named."""

    method: str
    params: Mapping[str, Any]

    def about(self, task_id: str) -> dict[str, Any]:
        """The parameters, filled."""
        filled: dict[str, Any] = _filled(self.params, task_id)
        return filled

    def __str__(self) -> str:
        return f"{self.method} {dict(self.params)}"


def _filled(template: Any, task_id: str) -> Any:
    if isinstance(template, str):
        return template.replace("{id}", task_id)
    if isinstance(template, Mapping):
        return {key: _filled(value, task_id) for key, value in template.items()}
    return [_filled(value, task_id) for value in template] if isinstance(template, list) else template


async def questions(asked: Raw) -> list[Question]:
    """All of them, by what the server lists."""
    tools = (await asked.ask("tools/list"))["tools"]
    templates = (await asked.ask("resources/templates/list"))["resourceTemplates"]
    found = [Question("tools/call", call) for tool in tools for call in _calls(tool)]
    found += [Question("resources/read", {"uri": uri}) for one in templates for uri in _uris(one["uriTemplate"])]
    found += [Question(method, params) for method, given in OF_A_TASK.items() for params in given or ()]
    return found


def _calls(tool: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The task's id in the place of each text that the tool takes, one at a time."""
    schema = tool["inputSchema"]
    kinds = {name: str(kind.get("type", kind)) for name, kind in schema.get("properties", {}).items()}
    numbers = {name: _BY_TYPE[kind] for name, kind in kinds.items() if kind in ("integer", "number")}  # a small job
    needed = {name: _BY_TYPE[kinds[name]] for name in schema.get("required", ())}
    for name, kind in kinds.items():
        if "string" in kind:
            yield {"name": tool["name"], "arguments": {**numbers, **needed, name: "{id}"}}


def _uris(template: str) -> Iterator[str]:
    """The task's id in the place of each placeholder, one at a time, and what else may stand in the others."""
    names = list(placeholders(template))
    for name in names:
        for other in ("1", "all", "completed"):
            yield fill(template, {n: "{id}" if n == name else other for n in names})


async def answer(asked: Raw, question: Question, task_id: str) -> str:
    """All that the server says, with this id, new ids and times made equal."""
    params = question.about(task_id)
    try:
        if question.method == "subscriptions/listen":
            async with asked.listening(**params["notifications"]) as stream:
                said: Any = await anext(stream)
        else:
            said = await asked.ask(question.method, **params)
    except Refused as error:
        said = (error.status, error.code, error.text, error.data)
    return _FRESH.sub("#", repr(said).replace(task_id, "(the id)"))
