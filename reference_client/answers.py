"""What servers answer, understood: a task's handle, its state, whether there is such a task at all. Pure.

Servers differ in their words; the tables here are the words that are understood. Nothing is invented: a progress that
the server does not tell is not known, and a status that nobody knows is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from reference_client.errors import NotFound, Refused
from reference_client.state import ENDED, Contract, Job, Phase
from reference_client.text import shown

STATUSES = ("pending", "running", "paused", "input_required", "completed", "failed", "cancelled")
_SYNONYMS = {
    "working": "running",
    "submitted": "pending",
    "queued": "pending",
    "in_progress": "running",
    "succeeded": "completed",
    "success": "completed",
    "error": "failed",
    "canceled": "cancelled",
}
_ENDS = {"completed": Phase.COMPLETED, "failed": Phase.FAILED, "cancelled": Phase.CANCELLED}
_TASK_URI = re.compile(r"\btask://[^\s\"'<>]+")
_COUNT = re.compile(r"(\d{1,15})\s*/\s*(\d{1,15})")
_MOST_NUMBER = 1 << 62


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A task as the server tells it, in our words; durations in seconds."""

    status: str
    task_id: str | None = None
    progress: float | None = None
    total: float | None = None
    message: str | None = None
    result: Any = None
    error: str | None = None
    poll_interval_s: float | None = None
    ttl_s: float | None = None
    created_at: str | None = None
    input_requests: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool said, whatever the protocol calls it."""

    is_error: bool
    text: str
    structured: Any
    links: tuple[str, ...] = ()

    @property
    def value(self) -> Any:
        """The structured content, or the text as JSON, or the text."""
        if self.structured is not None:
            return self.structured
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text


@dataclass(frozen=True, slots=True)
class Offer:
    """What is known of a tool before it is called."""

    name: str
    arguments: frozenset[str]
    idempotent_hint: bool = False

    @property
    def takes_key(self) -> bool:
        """Whether it knows a repeated submission by an idempotency key."""
        return "idempotency_key" in self.arguments

    @property
    def takes_client_id(self) -> bool:
        """Whether it knows its callers by a client id, and the same call of the same client as the same job."""
        return "client_id" in self.arguments

    @property
    def repeatable(self) -> bool:
        """Whether the same submission made twice is one task."""
        return self.takes_key or self.takes_client_id or self.idempotent_hint


def status_of(word: Any) -> str:
    """The status in our words; raises Refused for one that nobody knows."""
    text = str(word).lower()
    status = _SYNONYMS.get(text, text)
    if status not in STATUSES:
        raise Refused(f"the server tells of a task with the unknown status {shown(word)!r}")
    return status


def handle_of(answer: ToolAnswer) -> str | None:
    """The URI of the task's resource, if the tool has answered with one."""
    for link in answer.links:
        if link.startswith("task://"):
            return link
    if isinstance(answer.structured, dict):
        for name in ("resource_uri", "uri", "result"):
            value = answer.structured.get(name)
            if isinstance(value, str) and value.startswith("task://"):
                return value
    if answer.links:
        return answer.links[0]
    found = _TASK_URI.search(answer.text) if not isinstance(answer.structured, dict) else None
    return found.group().rstrip(".,;)") if found else None


def task_id_of(uri: str, structured: Any) -> str:
    """The task's id: what the tool calls so, or the end of its URI."""
    if isinstance(structured, dict) and isinstance(structured.get("task_id"), str):
        return str(structured["task_id"])
    return uri.rstrip("/").rsplit("/", 1)[-1]


def resource_snapshot(text: str, uri: str) -> Snapshot:
    """A task's resource; raises NotFound where it says that there is no such task, Refused where it makes no sense."""
    try:
        body = json.loads(text)
    except ValueError:
        raise Refused(f"the resource {shown(uri)} is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(f"the resource {shown(uri)} is not an object")
    if "status" not in body:
        if "error" in body:
            raise NotFound(shown(body["error"]))
        raise Refused(f"the resource {shown(uri)} tells no status")
    return snapshot_of(body)


def snapshot_of(body: Mapping[str, Any]) -> Snapshot:
    """A task's state from a resource or a listing; raises Refused."""
    progress, total = body.get("progress"), body.get("total")
    if isinstance(progress, str) and (count := _COUNT.search(progress)):
        progress, total = float(count[1]), float(count[2])
    error = body.get("error")
    result = body.get("result_data")
    return Snapshot(
        status=status_of(body["status"]),
        task_id=_text(body.get("task_id")),
        progress=_number(progress),
        total=_number(total),
        message=_message(body.get("message")),
        result=result if result is not None else body.get("result"),
        error=shown(error) if error else None,
        poll_interval_s=_seconds(body, "poll_interval_ms", "pollIntervalMs"),
        ttl_s=_seconds(body, "ttl_ms", "ttlMs"),
        created_at=_text(body.get("created_at")),
        input_requests=body.get("input_requests") if isinstance(body.get("input_requests"), dict) else None,
    )


def extension_snapshot(body: Mapping[str, Any]) -> Snapshot:
    """A task of ``io.modelcontextprotocol/tasks``: what tools/call and tasks/get answer; raises Refused."""
    message = _message(body.get("statusMessage"))
    count = _COUNT.search(message) if message else None
    status = status_of(body.get("status"))
    if status == "running" and message and message.lower().startswith("paused"):
        status = "paused"  # the extension has no word for it, so servers say it in the message
    result, error = body.get("result"), body.get("error")
    if isinstance(result, dict):
        answer = tool_answer(result)
        if answer.is_error:
            status, error, result = "failed", {"message": answer.text}, None
        else:
            result = answer.value
    return Snapshot(
        status=status,
        task_id=_text(body.get("taskId")),
        progress=float(count[1]) if count else None,
        total=float(count[2]) if count else None,
        message=message,
        result=result,
        error=shown(error.get("message", error)) if isinstance(error, dict) else None,
        poll_interval_s=_seconds(body, "pollIntervalMs"),
        ttl_s=_seconds(body, "ttlMs"),
        created_at=_text(body.get("createdAt")),
        input_requests=body.get("inputRequests") if isinstance(body.get("inputRequests"), dict) else None,
    )


def tool_answer(result: Mapping[str, Any]) -> ToolAnswer:
    """A ``CallToolResult`` as it stands on the wire."""
    found = result.get("content")
    content = [item for item in (found if isinstance(found, list) else ()) if isinstance(item, dict)]
    texts = [item["text"] for item in content if item.get("type") == "text" and isinstance(item.get("text"), str)]
    links = [
        item["uri"] for item in content if item.get("type") == "resource_link" and isinstance(item.get("uri"), str)
    ]
    structured = result.get("structuredContent")
    if isinstance(structured, dict) and set(structured) == {"result"}:
        structured = structured["result"]  # how FastMCP wraps what is no object
    return ToolAnswer(result.get("isError") is True, "\n".join(texts), structured, tuple(links))


def finished_call(answer: ToolAnswer) -> Snapshot:
    """What a blocking call has ended with. Its task is completed unless it says otherwise."""
    value = answer.value
    body = value if isinstance(value, dict) else {}
    if answer.is_error:
        return Snapshot("failed", error=shown(answer.text))
    if "error" in body and body["error"] and "status" not in body:
        return Snapshot("failed", error=shown(body["error"]))
    status = status_of(body["status"]) if isinstance(body.get("status"), str) else "completed"
    done = _number(body.get("total_processed")) or _number(body.get("progress"))
    error = shown(body.get("error") or body.get("message") or "") if status == "failed" else None
    return Snapshot(
        status=status,
        task_id=_text(body.get("task_id")),
        progress=done,
        message=_message(body.get("message")),
        result=value if status in _ENDS else None,
        error=error,
    )


# --- from a snapshot to a job


def advanced(job: Job, seen: Snapshot, contract: Contract, at: str) -> Job:
    """The job after this snapshot; one that has ended stays as it is."""
    if job.ended:
        return job
    phase = _ENDS.get(seen.status, Phase.ACTIVE)
    total = seen.total if seen.total is not None else job.total
    progress = seen.progress if seen.progress is not None else job.progress
    expires = _expiry(seen) or job.expires_at
    return replace(
        job,
        phase=phase,
        contract=contract,
        task_id=seen.task_id or job.task_id,
        status=seen.status,
        progress=progress,
        total=total,
        message=seen.message or (None if phase in ENDED else job.message),
        poll_interval_s=seen.poll_interval_s or job.poll_interval_s,
        expires_at=expires,
        updated_at=at,
        result=seen.result if phase in ENDED else None,
        error=seen.error,
    )


def vanished(job: Job, at: str) -> Job:
    """The job whose task the server does not know: expired if its time was over, else lost."""
    phase = Phase.EXPIRED if job.expires_at and job.expires_at <= at else Phase.LOST
    why = (
        f"its time to live was over at {job.expires_at}"
        if phase is Phase.EXPIRED
        else "the server had acknowledged it, and does not know it any more"
    )
    return replace(job, phase=phase, status=phase.value, error=why, updated_at=at)


def matching(job: Job, rows: Iterable[Mapping[str, Any]], taken: frozenset[str]) -> str | None:
    """The id of the one unfinished task in a session's listing that can be this job's; None where that is not clear."""
    candidates = []
    for row in rows:
        task_id = _text(row.get("task_id"))
        parameters = row.get("parameters")
        if task_id is None or task_id in taken or row.get("task_name", job.tool) != job.tool:
            continue
        if isinstance(parameters, dict) and any(
            name in parameters and parameters[name] != value for name, value in job.arguments.items()
        ):
            continue
        total = snapshot_of({"status": "running", "progress": row.get("progress")}).total
        if job.total is not None and total is not None and total != job.total:
            continue
        if status_of(row.get("status", "running")) not in _ENDS:
            candidates.append(task_id)
    return candidates[0] if len(candidates) == 1 else None


def _expiry(seen: Snapshot) -> str | None:
    if seen.ttl_s is None or seen.created_at is None:
        return None
    try:
        created = datetime.fromisoformat(seen.created_at.replace("Z", "+00:00"))
        end = created + timedelta(seconds=seen.ttl_s)
    except (ValueError, OverflowError):
        return None
    return end.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(body: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        number = _number(body.get(name))
        if number is not None and number >= 0:
            return number / 1000
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _message(value: Any) -> str | None:
    return shown(value) if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST_NUMBER:
        return value
    return None
