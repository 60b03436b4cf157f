"""What a subject may offer beside starting and following a job, and whom it may tell apart: as a profile says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OPERATIONS = ("cancel", "pause", "resume", "answer", "list", "stats")
"""What may be asked of a subject about tasks, beside starting and following one: keys of [contract]."""

ASKS = "input_required"
"""The status of a task that waits for an answer of its client's, in our words."""

ANSWER = "answer"
"""What a task is given that asks its client for something."""

HANDLE_NUMBER = "handle_number"
"""What a handle is called in a template where a tool wants it as a number."""

TRESPASS = "trespass"
"""What the second of two principals is to try with the task of the first."""


@dataclass(frozen=True, slots=True)
class ListSpec:
    """Where the subject lists its tasks: a tool or a resource, and what stands where in its answer.

    ``items`` is the path of the list; ``handle`` and ``status`` are paths within an item, where it says them; ``next``
    is the path of what leads to the next page: the URI of a resource, or what a tool is called with as ``{next}``.
    """

    tool: str | None = None
    resource: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    items: str = "$"
    handle: str = "$.id"
    status: str | None = None
    next: str | None = None


@dataclass(frozen=True, slots=True)
class StatsSpec:
    """Where the subject counts its tasks: ``counts`` are paths, by our word for a status; ``total`` that of all."""

    tool: str | None = None
    resource: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, str] = field(default_factory=dict)
    total: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whom the subject tells from others by the ``headers`` of his requests."""

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
