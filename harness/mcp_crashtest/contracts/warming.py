"""A server that answers, and says that it is not ready yet: how that is told, and how long it is borne.

A load balancer says 503, a framework an error, a tool a sentence. Whoever asks again soon is served, so none of it is
a refusal, for as long as a start may take. A bad request is one however soon it is made again: "Bad Request: Server
not initialized" is what the TypeScript SDK answers to whoever has not shaken hands.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from mcp_crashtest.wire.errors import HttpError

# What a server may be at before it serves; what a job may be at, "still running" or "still indexing", is none of it.
_GETTING_READY = (
    r"(re-?)?(loading|starting|warming|initiali[sz]ing|booting|reading|replaying|opening|connecting)|rebuilding"
    r"|recovering|restoring|resuming|hydrating|mounting|preparing|waking|catching up"
)
_NOT_YET = re.compile(
    rf"\b(still|currently|busy) ({_GETTING_READY})\b"
    r"|\b(warming|starting|waking|spinning|setting|catching|coming)[ -]?up\b|\bgetting ready\b"
    r"|\b(recovery|replay|start-?up|boot|initiali[sz]ation|warm-?up) (is )?(still )?(in progress|under ?way)\b"
    r"|\bnot (yet )?(ready|initiali[sz]ed|available)( yet)?\b|\b(is|are) (loading|initiali[sz]ing)\b"
    r"|\bnot yet (loaded|restored|recovered|open|opened|online|started|read)\b"
    r"|\bnot (loaded|restored|recovered|open|online|started) yet\b"
    r"|\b(try|retry) again (later|soon|in a)|\b(come|check) back (soon|in a)"  # "later" is said of a place, too
    r"|\btemporarily unavailable\b|\bservice unavailable\b",
    re.IGNORECASE,
)
_BAD_REQUEST = re.compile(r"^\W*bad request\b", re.IGNORECASE)
_STATUSES = frozenset({425, 429, 502, 503, 504})
_LONGEST_PAUSE_S = 5.0


def says_not_yet(error: Exception) -> bool:
    """Whether an answer says that the server is there and not ready."""
    if isinstance(error, HttpError):
        return error.status in _STATUSES
    return is_not_yet(str(error))


def is_not_yet(said: str) -> bool:
    """Whether a sentence says that."""
    return _BAD_REQUEST.match(said) is None and _NOT_YET.search(said) is not None


@dataclass(slots=True)
class Patience:
    """How long "not yet" is borne: ``ready_deadline_s`` from the first time that it is said, and again after others.

    Where a job was submitted and nobody has heard the answer it may be under way, and whoever does one job at a time
    has no time for another: every refusal is borne for ``busy_s`` then. Of a server that is known to say in words of
    its own that it is not ready, any is borne for ``own_words_s``.
    """

    ready_deadline_s: float
    busy_s: float = 0.0
    own_words_s: float = 0.0
    _since: float | None = None
    _unheard_at: float | None = None

    def unheard(self) -> None:
        """A submission was made whose answer nobody will hear."""
        self._unheard_at = time.monotonic()

    def heard(self) -> None:
        """The latest submission was answered with a job."""
        self._unheard_at = None

    def served(self) -> None:
        """The server is ready: what it says next is said for the first time."""
        self._since = None

    @property
    def is_busy(self) -> bool:
        """Whether the server may be at a job of which nobody has heard."""
        return self._unheard_at is not None and time.monotonic() - self._unheard_at < self.busy_s

    def bears(self, error: Exception) -> bool:
        """Whether this refusal is none, because it may pass."""
        if self.is_busy:
            return True
        longest_s = self.ready_deadline_s if says_not_yet(error) else self.own_words_s
        if not longest_s:
            self.served()
            return False
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since < longest_s


def asked_pause_s(error: Exception) -> float:
    """The pause that the server itself asks for, bounded."""
    wanted = error.retry_after_s if isinstance(error, HttpError) else None
    return min(wanted or 0.0, _LONGEST_PAUSE_S)
