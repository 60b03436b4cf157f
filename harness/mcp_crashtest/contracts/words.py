"""A subject's words for a status: which of them mean that a task has ended, and how.

Case, hyphens and a common prefix (``TASK_STATE_COMPLETED``, ``job-status-failed``) make no difference. What a profile
says comes before what is usual. A word that nobody knows is taken for one that means no end. A flag is a word too:
``true`` means completed, and ``false`` running, where the profile does not say it the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mcp_crashtest.model.offers import ASKS

COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
RUNNING = "running"
ENDS = frozenset({COMPLETED, FAILED, CANCELLED})
Words = Mapping[str, Iterable[str]]

_USUAL: Words = {
    COMPLETED: ("completed", "complete", "done", "finished", "succeeded", "success", "successful", "true"),
    FAILED: ("failed", "failure", "error", "errored"),
    CANCELLED: ("cancelled", "canceled", "aborted"),
    ASKS: ("input_required", "requires_input", "needs_input", "awaiting_input", "waiting_for_input"),
    RUNNING: (
        *("running", "working", "pending", "queued", "in_progress", "inprogress", "submitted", "started", "starting"),
        *("processing", "accepted", "active", "created", "scheduled", "waiting", "resuming", "recovering", "retrying"),
        *("paused", "new", "executing", "initializing", "finalizing", "ongoing", "restarting", "false"),
    ),
}
_PREFIX = re.compile(r"(?:[a-z]+_)*(?:status|state|phase)_|(?:task|job|run|operation|execution|work)_")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def meaning(word: str, words: Words) -> str | None:
    """What a word means: one of ``ENDS``, ``ASKS``, or "running"; None where nobody knows."""
    said = _plain(word)
    for ours, theirs in words.items():
        if said in map(_plain, theirs):
            return ours
    match = _PREFIX.match(said)
    for known in (said, said[match.end() :] if match else said, said.replace("_", "")):
        for ours, theirs in _USUAL.items():
            if known in theirs:
                return ours
    return None


def normalise(status: Any, words: Words) -> str | None:
    """A word as one of ``ENDS`` or ``ASKS`` where it means that, else as it is; None where it is no word."""
    status = worded(status)
    if not isinstance(status, str) or not status.strip():
        return None
    found = meaning(status, words)
    return found if found in {*ENDS, ASKS} else status


def worded(status: Any) -> Any:
    """A flag as the word that it is in JSON; anything else as it is."""
    return str(status).lower() if isinstance(status, bool) else status


def ends(words: Words) -> list[str]:
    """The words that are known as ends, the profile's own first."""
    own = [word for ours, theirs in words.items() if ours in ENDS for word in theirs]
    return list(dict.fromkeys([*own, *(word for ours in sorted(ENDS) for word in _USUAL[ours])]))


def _plain(word: str) -> str:
    parted = _HUMP.sub("_", word) if not word.isupper() else word
    return re.sub(r"[\s_-]+", "_", parted.strip().lower())
