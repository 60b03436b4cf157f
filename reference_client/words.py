"""What commands say, for people and for scripts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from reference_client.answers import Snapshot
from reference_client.display import count, name
from reference_client.errors import Exit
from reference_client.questions import Row
from reference_client.state import Job, Phase, State
from reference_client.text import shown

_DEPTH = 6
_ITEMS = 20
_LIST_ITEMS = 3
_ENTRY_CELLS = 100
_LAST_COMPLETED = 5
_MESSAGE_CELLS = 48
_KIND_CELLS = 40


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command has come to: its exit code, a document for scripts, lines for people.

    ``delivers``: the jobs whose end the user has once this is printed.
    """

    exit: Exit
    document: dict[str, Any]
    lines: list[str]
    delivers: list[str] = field(default_factory=list)


def job_document(job: Job) -> dict[str, Any]:
    """A job for scripts."""
    return {**asdict(job), "percent": job.percent}


def snapshot_document(seen: Snapshot, job: Job | None) -> dict[str, Any]:
    """A task for scripts, and the job that it is, if it is one of ours."""
    return {**asdict(seen), "job": job_document(job) if job else None}


_ENDS = {
    Phase.COMPLETED: ("Task completed", Exit.DONE),
    Phase.FAILED: ("Task failed", Exit.FAILED),
    Phase.CANCELLED: ("Task cancelled", Exit.FAILED),
    Phase.LOST: ("Task lost", Exit.GONE),
    Phase.EXPIRED: ("Task expired", Exit.GONE),
}


def ended(job: Job) -> tuple[Exit, list[str]]:
    """What became of a job, or why it is not followed any further."""
    if job.phase not in _ENDS:
        return Exit.UNFINISHED, [f"{name(job)} is {shown(job.status or job.phase)}: {halted(job)}"]
    word, code = _ENDS[job.phase]
    lines = [f"{word}: {name(job)}{f', task {job.task_id}' if job.task_id else ''}"]
    if job.error:
        lines.append(f"  {shown(job.error)}")
    if job.result is not None:
        lines += ["Results:", *nested(job.result)]
    return code, lines


def halted(job: Job) -> str:
    """How to go on with a job that waits for the user."""
    match job.status:
        case "paused":
            return f"'resume {job.job_id}' lets it go on"
        case "input_required":
            return f"it waits for input: 'status {job.job_id}' shows the question, 'answer {job.job_id} ...' answers it"
    return f"'watch {job.job_id}' follows it"


def nested(value: Any, depth: int = 1) -> list[str]:
    """A value as indented lines, bounded in depth and length."""
    indent = "  " * depth
    if depth > _DEPTH or not value or not isinstance(value, dict | list):
        return [f"{indent}{shown(value)}"]
    entries: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value, 1)
    lines: list[str] = []
    most = _ITEMS if isinstance(value, dict) else _LIST_ITEMS
    for number, (key, entry) in enumerate(entries):
        if number == most:
            lines.append(f"{indent}... ({len(value) - most} more)")
            break
        if isinstance(value, list) and isinstance(entry, dict):
            lines.append(
                f"{indent}- {shown(', '.join(f'{name}: {each}' for name, each in entry.items()), _ENTRY_CELLS)}"
            )
        elif isinstance(entry, dict | list) and entry:
            lines += [f"{indent}{shown(key)}:", *nested(entry, depth + 1)]
        else:
            lines.append(f"{indent}{shown(key)}: {shown(entry)}")
    return lines


def status_lines(seen: Snapshot, job: Job | None, reference: str) -> list[str]:
    """One task."""
    title = f"{name(job)}, task {job.task_id}" if job else f"task {shown(reference)}"
    lines = [f"{title}: {shown(seen.status)} {place(seen)}".rstrip()]
    lines += [f"  {shown(text)}" for text in (seen.message, seen.error) if text]
    if seen.input_requests:
        lines += ["It asks for input:", *nested(dict(seen.input_requests))]
    if seen.result is not None:
        lines += ["Results:", *nested(seen.result)]
    return lines


def place(seen: Snapshot) -> str:
    """How far a task is."""
    if seen.progress is None or not seen.total or seen.total <= 0:
        return ""
    return f"{min(100.0, 100 * seen.progress / seen.total):.1f}% ({seen.progress:g}/{seen.total:g})"


def table(rows: list[Row]) -> list[str]:
    """A list of tasks, numbered."""
    if not rows:
        return ["No tasks."]
    lines = [f"{'':>4} {'task':<32}  {'job':<12} {'status':<14} {'progress':<22} kind, message"]
    for number, row in enumerate(rows, 1):
        about = ": ".join(
            filter(
                None, [shown(row.kind, _KIND_CELLS), shown(row.seen.message or row.seen.error or "", _MESSAGE_CELLS)]
            )
        )
        known = f"{shown(row.task_id, 64) or '-':<32}  {(row.job_id or '')[:12]:<12}"
        lines.append(
            f"{number:>3}. {known} {shown(row.seen.status, _KIND_CELLS):<14} {place(row.seen):<22} {about}".rstrip()
        )
    return lines


def statistics_lines(found: Mapping[str, Any]) -> list[str]:
    """Statistics of the server and of its checkpoints."""
    titles = {"server": "Server statistics:", "checkpoints": "Checkpoint statistics:"}
    return [line for key, value in found.items() for line in (titles[key], *_counts(value))]


def _counts(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return nested(value)
    plain = {key: entry for key, entry in value.items() if not isinstance(entry, dict | list)}
    inner = [line for entry in value.values() if isinstance(entry, dict) for line in _counts(entry)]
    return inner + [f"  {shown(key).replace('_', ' ').capitalize()}: {shown(entry)}" for key, entry in plain.items()]


def summary(state: State, told: Mapping[str, Any] | None) -> list[str]:
    """The session: who we are, and what we have under way."""
    told_id = (told or {}).get("session_id") if state.protocol not in MODERN_PROTOCOL_VERSIONS else None
    session_id = state.session_id or told_id or f"none: revision {state.protocol} has no sessions"
    lines = [
        "📋 Session summary",
        f"🆔 Client ID: {state.client_id}",
        f"🔗 Session ID: {shown(session_id)}",
        f"   Server: {state.server} (protocol {state.protocol or 'unknown'})",
        f"   Created: {state.created_at[:19].replace('T', ' ')}",
        f"🔄 Active Tasks: {len(state.unfinished)}",
    ]
    for job in state.unfinished:
        percent = f"{job.percent:.1f}%" if job.percent is not None else (job.status or job.phase.value)
        lines += [f"  • {name(job)}: {percent}", f"    └─ {shown(job.message or halted(job))}"]
    lines.append(f"✅ Completed Tasks: {len(state.finished)}")
    for job in state.finished[-_LAST_COMPLETED:]:
        lines.append(f"  • {name(job)}: {job.phase} {count(job).strip()}".rstrip())
    return lines
