"""What a contract has to say: how a job is submitted, what an answer to that means, and what a look at its task shows.

A contract is a module with these names. The lab's client drives it, and the witness of a client under test asks the
same functions what it has overheard: neither can know a contract differently from the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mcp_crashtest.contracts.job import Job
from mcp_crashtest.contracts.warming import is_not_yet
from mcp_crashtest.contracts.words import COMPLETED as COMPLETED
from mcp_crashtest.contracts.words import ENDS as ENDS
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.model.offers import HANDLE_NUMBER
from mcp_crashtest.model.operation import name_of
from mcp_crashtest.model.paths import fill, find, placeholders
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.wire.messages import SUPPORTED
from mcp_crashtest.wire.session import Session, ToolReply

ONE_WORD = re.compile(r"""[^\s"'{}\[\]]{1,200}""")
INVALID_PARAMS, RESOURCE_NOT_FOUND = -32602, -32002
_UNAVAILABLE = re.compile(r"\bnot available\b(?! yet)", re.IGNORECASE)


class Refused(Exception):
    """The subject answered, and the answer is an error, or nothing that can be used; ``document`` is what it showed."""

    def __init__(self, said: str, document: Any = None) -> None:
        super().__init__(said)
        self.document = document


class NotShown(Refused):
    """The subject does not show a task, and whether it is gone is seen when one has asked again."""


class Vanished(Exception):
    """The handle that the subject had given out does not resolve any more.

    ``document`` is what the subject showed instead of a status, where it showed anything.
    """

    def __init__(self, said: str, document: Any = None) -> None:
        super().__init__(said)
        self.document = document


def unknown(said: str, document: Any = None) -> Refused | Vanished:
    """What a look came to that showed no task: of whoever says that he is not ready nothing is known of it.

    A task that is not available is gone; one that is not available yet may come.
    """
    waits = is_not_yet(said) and _UNAVAILABLE.search(said) is None
    return Refused(said, document) if waits else Vanished(said, document)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a task showed.

    ``status`` is one of ``ENDS`` where the task has ended, else the subject's ``word``; ``progress`` is (done, total)
    in the subject's unit; ``document`` is what the output is read from, ``shown`` what the look itself showed;
    ``failure`` says why a task has failed that may say otherwise.
    """

    status: str
    progress: tuple[float, float] | None
    document: Any
    failure: Any = None
    word: str | None = None
    shown: Any = None


def _nothing_lacks(_capabilities: Mapping[str, Any], _tool: Mapping[str, Any] | None) -> None:
    return None


def _all_offered(_capabilities: Mapping[str, Any]) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a pattern can be driven.

    ``revisions`` are those that have it, ``augments`` what goes with the call that submits a job. ``undeclared`` says
    why a server does not offer it at all, by its capabilities and by the tool as it lists it; ``unoffered`` which of
    the pattern's own operations it does not.
    """

    revisions: tuple[str, ...] = SUPPORTED
    augments: Mapping[str, Any] = field(default_factory=dict)
    undeclared: Callable[[Mapping[str, Any], Mapping[str, Any] | None], str | None] = _nothing_lacks
    unoffered: Callable[[Mapping[str, Any]], frozenset[str]] = _all_offered


class Contract(Protocol):
    """One durability pattern. ``HANDLE`` names what an answer to a submission must hold, for an error message."""

    HANDLE: str
    EXTENSIONS: tuple[str, ...]
    TERMS: Terms

    def refusal(self, result: Mapping[str, Any]) -> str | None:
        """Why the result of a submission is none; None where it is one."""

    def handle_in(self, result: Mapping[str, Any], observe: ObserveSpec) -> str | None:
        """The task that the result of a submission names; None where it names none."""

    async def look(self, session: Session, job: Job, handle: str, deadline_s: float) -> Seen:
        """Ask about a task once; raises Vanished, Refused and WireError."""


def named(handle: str) -> Mapping[str, Any]:
    """What a task's handle fills in the calls about it: the handle, its last part, and the number that it is."""
    number = {HANDLE_NUMBER: int(handle)} if handle.isascii() and handle.isdigit() else {HANDLE_NUMBER: handle}
    return {"handle": handle, "task_id": name_of(handle), **number}


def said_handle(document: Any, said: str) -> str | None:
    """The handle at a path of the answer, or filled from it, as in ``task://status/{job.id}``; None where it is not.

    An answer that is one word is called ``id``.
    """
    if said.startswith("$"):
        found = find(document, said)
        return str(found) if _is_name(found) and str(found) else None
    word = isinstance(document, str) and ONE_WORD.fullmatch(document.strip())
    values = document if isinstance(document, Mapping) else {"id": document.strip()} if word else {}
    if not all(_is_name(find(values, f"$.{name}")) for name in placeholders(said)):
        return None
    return str(fill(said, values))


def _is_name(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def document_in(reply: ToolReply) -> Any:
    """The document that a tool has answered with; text that holds none is a document without paths.

    A tool that answers with text has it wrapped by its framework: ``{"result": "..."}`` is that text.
    """
    structured = reply.structured
    if isinstance(structured, dict) and list(structured) == ["result"] and isinstance(structured["result"], str):
        return unwrapped(structured["result"])
    return unwrapped(reply.text) if structured is None else structured


def unwrapped(text: str) -> Any:
    """The document that a text holds, or the text; a document in a string within it is unwrapped too."""
    try:
        document = parse(text)
    except Refused:
        return text
    if isinstance(document, dict) and list(document) == ["result"] and isinstance(document["result"], str):
        document = document["result"]
    if isinstance(document, str) and document.lstrip()[:1] in ("{", "["):
        try:
            return parse(document)
        except Refused:
            return document
    return document


def around_list(document: Any, path: str) -> Any:
    """The document in which the path of a list is looked for: where it is the whole, a framework's wrapping is off."""
    wrapped = path == "$" and isinstance(document, Mapping) and list(document) == ["result"]
    return document["result"] if wrapped else document


def listed_in(reply: ToolReply, path: str, name: str) -> Any:
    """The document in which the path of a list is looked for, in a tool's answer; ``name`` leads to an item's name.

    A framework without structured output answers with a block for each item: with one where there is one, and with
    nothing where there is none.
    """
    document = around_list(document_in(reply), path)
    texts = [block.get("text") for block in reply.content]
    if path != "$" or reply.structured is not None or isinstance(document, list):
        return document
    items = [unwrapped(text) for text in texts if isinstance(text, str)]
    if len(items) < len(texts):  # a picture, or the like
        return document
    return document if len(items) == 1 and find(items[0], name) is None else items


def parse(text: str) -> Any:
    """A subject's JSON; raises Refused where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(f"expected JSON, found {excerpt(text)}") from None
