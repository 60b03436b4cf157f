"""What the client knows, as values: jobs, and the state that holds them. Pure; ``statefile`` keeps it on disk.

A job's life is the table ``NEXT``. The rule of the file is write-ahead: a job stands in it as ``submitting`` before its
request is sent, and as ``active`` as soon as the server has acknowledged it. So whatever moment the client is killed
at, its next life knows every task that can exist, and what it does not know it says: ``uncertain``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

FORMAT = 1
KIND = "mcp-crashtest client state"
MOST_COMPLETED = 1000


class Phase(StrEnum):
    """Where a job stands, seen from here."""

    SUBMITTING = "submitting"
    ACTIVE = "active"
    UNCERTAIN = "uncertain"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    EXPIRED = "expired"


ENDED = frozenset({Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED, Phase.LOST, Phase.EXPIRED})
NEXT: dict[Phase, frozenset[Phase]] = {
    Phase.SUBMITTING: frozenset({Phase.SUBMITTING, Phase.ACTIVE, Phase.UNCERTAIN}) | ENDED,
    Phase.ACTIVE: frozenset({Phase.ACTIVE}) | ENDED,
    Phase.UNCERTAIN: frozenset({Phase.UNCERTAIN, Phase.SUBMITTING}),
    **{phase: frozenset({phase}) for phase in ENDED},
}


class Contract(StrEnum):
    """How a task is followed; found out from the server's answer."""

    RESUMABLE_TOOL = "resumable-tool"
    RESOURCE_TASK = "resource-task"
    TASKS_EXTENSION = "tasks-extension"


@dataclass(frozen=True, slots=True)
class Job:
    """One job that this client has submitted, or is about to. Times are UTC in ISO 8601, durations in seconds."""

    job_id: str
    tool: str
    arguments: dict[str, Any]
    submitted_at: str
    repeatable: bool
    """Whether the submission can be made again without starting a second task."""
    idempotency_key: str | None = None
    phase: Phase = Phase.SUBMITTING
    contract: Contract | None = None
    task_id: str | None = None
    task_uri: str | None = None
    status: str | None = None
    """The server's last word."""
    progress: float = 0
    total: float | None = None
    message: str | None = None
    poll_interval_s: float | None = None
    expires_at: str | None = None
    updated_at: str | None = None
    result: Any = None
    error: str | None = None
    delivered: bool = False
    """Whether the end was shown to the user: an end that was not is shown by the next run of the same command."""

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.phase in ENDED

    @property
    def percent(self) -> float | None:
        """The progress in percent, where the total is known."""
        return min(100.0, 100.0 * self.progress / self.total) if self.total and self.total > 0 else None


@dataclass(frozen=True, slots=True)
class State:
    """All that one client knows of one server. ``jobs`` by their ids, oldest first."""

    client_id: str
    server: str
    created_at: str
    session_id: str | None = None
    protocol: str | None = None
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def unfinished(self) -> list[Job]:
        """The jobs that have not ended."""
        return [job for job in self.jobs.values() if not job.ended]

    @property
    def finished(self) -> list[Job]:
        """The jobs that have ended."""
        return [job for job in self.jobs.values() if job.ended]

    def with_job(self, job: Job) -> State:
        """With this job added or changed; a step that ``NEXT`` does not know is a mistake of ours."""
        before = self.jobs.get(job.job_id)
        if before and job.phase not in NEXT[before.phase]:
            raise AssertionError(f"job {job.job_id} cannot go from {before.phase} to {job.phase}")
        return replace(self, jobs=_bounded({**self.jobs, job.job_id: job}))

    def without(self, job_id: str) -> State:
        """Without this job."""
        return replace(self, jobs={key: job for key, job in self.jobs.items() if key != job_id})

    def same_request(self, tool: str, arguments: Mapping[str, Any]) -> Job | None:
        """The newest job of this very request that the user has not seen the end of."""
        for job in reversed(self.jobs.values()):
            if job.tool == tool and job.arguments == arguments and not job.delivered:
                return job
        return None

    def after_crash(self) -> State:
        """As a new life sees it: what was being submitted may have happened, and may not be repeated blindly."""
        state = self
        for job in self.unfinished:
            if job.phase is Phase.SUBMITTING and not job.repeatable:
                state = state.with_job(replace(job, phase=Phase.UNCERTAIN))
        return state


def _bounded(jobs: dict[str, Job]) -> dict[str, Job]:
    """Without the oldest of too many ended jobs."""
    ended = [key for key, job in jobs.items() if job.ended and job.delivered]
    dropped = set(ended[: max(0, len(ended) - MOST_COMPLETED)])
    return {key: job for key, job in jobs.items() if key not in dropped}


# --- the file's words


class Unreadable(ValueError):
    """The text is not a state of ours."""


class Newer(ValueError):
    """The state is of a format that this client does not know."""


def encode(state: State, written_at: str) -> dict[str, Any]:
    """The state as a JSON object, made to be read by people."""
    return {
        "kind": KIND,
        "format": FORMAT,
        "client_id": state.client_id,
        "server": state.server,
        "session_id": state.session_id,
        "protocol": state.protocol,
        "created_at": state.created_at,
        "updated_at": written_at,
        "active": [_encode_job(job) for job in state.unfinished],
        "completed": [_encode_job(job) for job in state.finished],
    }


def _encode_job(job: Job) -> dict[str, Any]:
    return {name: value for name, value in asdict(job).items() if value is not None}


def decode(document: Any) -> State:
    """The state that a JSON document holds; raises Unreadable or Newer."""
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise Unreadable("it is not a state file of this client")
    if document.get("format") != FORMAT:
        raise Newer(f"its format is {document.get('format')!r}, this client knows {FORMAT}")
    try:
        jobs = [_decode_job(entry) for entry in [*document["completed"], *document["active"]]]
        state = State(
            client_id=_text(document["client_id"]),
            server=_text(document["server"]),
            created_at=_text(document["created_at"]),
            session_id=document.get("session_id"),
            protocol=document.get("protocol"),
            jobs={job.job_id: job for job in sorted(jobs, key=lambda job: job.submitted_at)},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"it is damaged ({type(error).__name__}: {error})") from error
    if len(state.jobs) != len(jobs):
        raise Unreadable("two of its jobs have the same id")
    return state


_JOB_FIELDS = {entry.name for entry in fields(Job)}


def _decode_job(entry: dict[str, Any]) -> Job:
    known = {name: value for name, value in entry.items() if name in _JOB_FIELDS}
    known["phase"] = Phase(known["phase"])
    if known.get("contract"):
        known["contract"] = Contract(known["contract"])
    for name in ("job_id", "tool", "submitted_at"):
        _text(known[name])
    if not isinstance(known["arguments"], dict):
        raise TypeError("arguments must be an object")
    return Job(**known)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"a text was expected, found {value!r}")
    return value
