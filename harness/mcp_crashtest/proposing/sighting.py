"""From what one observed job has shown to the lines of a profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.paths import find
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.model.showing import pretty
from mcp_crashtest.proposing.following import Asking
from mcp_crashtest.proposing.moving import Progress, count_in, progress_in, status_in, words_of
from mcp_crashtest.proposing.outputs import Records, Source
from mcp_crashtest.proposing.writing import Draft

NO_RECORDS = "Its records were found nowhere"
_USUAL = Workload()
_FEW_S, _LONG_S = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """One job that nobody has disturbed. ``documents`` are what it was followed by, the last one its end.

    ``handle`` is the path of what it is called by, None where the answer is that itself; ``asking`` the call by which
    it was followed, ``notified`` its progress notifications (done, total). ``result`` is where count and records stand,
    ``asked`` how many records the placeholder for their number stood for, ``job`` what it is called by.
    """

    kind: ContractKind
    documents: Sequence[Any]
    result: Any
    took_s: float
    handle: str | None = None
    asking: Asking | None = None
    notified: Sequence[tuple[float, float | None]] = ()
    source: Source | None = None
    records: Records | None = None
    operations: Mapping[str, Any] = field(default_factory=dict)
    asked: int = 0
    job: str | None = None


def size_of(sighting: Sighting, asked: int | None) -> int | None:
    """How many records the job had: as many as were asked for, or as it has shown itself."""
    if asked is not None:
        return asked
    if sighting.notified and (total := sighting.notified[-1][1]):
        return round(total)
    progress = progress_in(sighting.documents, None)
    if progress is not None and isinstance(progress.total, str) and progress.size:
        return round(progress.size)
    return sighting.records.number if sighting.records else None


def observe(draft: Draft, sighting: Sighting, records: int, *, blocking: bool) -> None:
    """Write [observe]. Raises UsageError for what cannot be found out, with the option that says it."""
    if sighting.handle is not None:
        draft.say("observe", "handle", sighting.handle, "in the answer of the tool that starts the job")
    if not blocking:
        _status(draft, sighting, records)
    _result(draft, sighting, records, blocking=blocking)


def _status(draft: Draft, sighting: Sighting, records: int) -> None:
    documents = sighting.documents
    if not sighting.kind.is_of_protocol:
        status = status_in(documents)
        if status is None:
            raise UsageError(
                f"cannot find out how the job stands: there is no word for it in\n\n{pretty(documents[-1])}\n\ngive "
                f"--set 'observe.status=\"$.PATH\"'"
            )
        draft.say("observe", "status", status.value, status.why, guessed=not status.sure)
        earlier = [find(document, status.value) for document in documents[:-1]]
        progress = progress_in(documents, records)
        over = words_of(earlier, find(documents[-1], status.value), all_done=_is_all(progress))
        if over is not None:
            draft.say("observe", "words", over.value, over.why, guessed=True)
    progress = progress_in(documents, records)
    if progress is None:
        draft.remarks.append(
            "No progress was seen: faults are placed by time. Where it stands, say it: [observe] progress, total, unit."
        )
        return
    draft.say("observe", "progress", progress.path, progress.why, guessed=not progress.sure)
    draft.say("observe", "total", progress.total)
    draft.say("observe", "unit", progress.unit)


def _is_all(progress: Progress | None) -> bool:
    return progress is not None and progress.size == progress.final


def _result(draft: Draft, sighting: Sighting, records: int, *, blocking: bool) -> None:
    own = [*sighting.documents] if not blocking else [sighting.result]
    if sighting.kind.is_of_protocol:
        own = [sighting.result]
    called: Mapping[str, Any] = draft.get("contract", "arguments") or {}
    count = count_in(own, records, [name for name, said in called.items() if said == "{total_records}"])
    if count is not None:
        draft.say("observe", "count", count.value, count.why, guessed=not count.sure)
    found, source = sighting.records, sighting.source or Source()
    if found is None:
        draft.remarks.append(
            f"{NO_RECORDS}, and one star is left without: have a tool, resource or file show them, "
            'and say it: [observe] records = { file = "{state_dir}/out.jsonl", key = "$.id" }'
        )
        return
    said: dict[str, Any] = {}
    if source.tool is not None:
        said |= {"tool": source.tool, "arguments": dict(source.arguments)}
    for name in ("resource", "file", "sqlite", "query"):
        if (value := getattr(source, name)) is not None:
            said[name] = value
    if found.items != "$" or not said:
        said["items"] = found.items
    said |= {"next": found.next} if found.next else {}
    draft.say("observe", "records", said | {"key": found.key}, "", guessed=not found.sure)


def workload(draft: Draft, sighting: Sighting, records: int, batch: int | None, *, told: bool) -> None:
    """Write [workload], where it is another than the usual one. ``told``: the arguments say the number of records."""
    steps = Counter(_steps(sighting, records))
    seen = steps.most_common(1)[0][0] if steps else None
    if batch is None and seen is not None and 1 <= seen < records:
        draft.say("workload", "batch", seen, "by so many records progress rose at a time", guessed=True)
    if batch is not None and batch != _USUAL.batch:
        draft.say("workload", "batch", batch)
    if told and records != _USUAL.records:
        draft.say("workload", "records", records)
    if not told:
        draft.say("workload", "records", records, "as many as this job has: nothing tells it how many", guessed=True)
    if sighting.took_s < _FEW_S:
        draft.remarks.append(
            f"The job took {sighting.took_s:.2f} s: a fault may come too late for it. Let it take a second or more "
            f"([workload] records, or more work for each)."
        )
    if sighting.took_s > _LONG_S:
        draft.remarks.append(
            f"The job took {sighting.took_s:.0f} s, and a session plays hundreds of it: fewer [workload] records make "
            f"it shorter, as long as there are some batches."
        )


def _steps(sighting: Sighting, records: int) -> list[int]:
    if sighting.notified:
        scaled = [done / total * records if total else done for done, total in sighting.notified]
        rises = [later - earlier for earlier, later in zip([0.0, *scaled], scaled, strict=False)]
    else:
        progress = progress_in(sighting.documents, records)
        factor = records / progress.size if progress and progress.size else 1.0
        rises = [step * factor for step in progress.steps] if progress else []
    return [round(rise) for rise in rises if round(rise) >= 1]
