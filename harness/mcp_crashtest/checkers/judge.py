"""From a history to a judgement: all checkers, and the proof that there was something to judge.

A checker that crashes makes the run INVALID; it is never taken for a pass. Neither is a run that shows nothing which a
checker could judge. Of several planned faults those are judged that landed: a job may lawfully end before a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mcp_crashtest.checkers import (
    afterlife,
    asking,
    beside,
    claimed,
    client,
    company,
    control,
    earlier,
    fencing,
    identity,
    isolation,
    lifecycle,
    listing,
    meeting,
    moments,
    outputs,
    progress,
    records,
    recovery,
    result,
    stream,
)
from mcp_crashtest.checkers.advice import advised
from mcp_crashtest.checkers.consequences import told_once
from mcp_crashtest.checkers.remarks import remarks
from mcp_crashtest.model import cells, format_1
from mcp_crashtest.model.claims import held_sharply
from mcp_crashtest.model.faults import KINDS, OPERATION
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.proof import RUN_OVER
from mcp_crashtest.model.verdict import Finding, Judgement

Checker = Callable[[History], Iterable[Finding]]

CHECKERS: dict[str, Checker] = {
    "records": records.check,
    "result": result.check,
    "progress": progress.check,
    "lifecycle": lifecycle.check,
    "identity": identity.check,
    "afterlife": afterlife.check,
    "recovery": recovery.check,
    "claimed": claimed.check,
    "fencing": fencing.check,
    "beside": beside.check,
    "control": control.check,
    "asking": asking.check,
    "listing": listing.check,
    "isolation": isolation.check,
    "stream": stream.check,
}
CLIENT_CHECKERS: dict[str, Checker] = {"client": client.check}
UNPROVEN: dict[str, Callable[[History], Iterable[str]]] = {"claimed": claimed.unproven}


def judge(history: History) -> Judgement:
    """Judge one run. The same history always gets the same judgement."""
    findings: list[Finding] = []
    unproven: list[str] = []
    on_trial = client.on_trial(history)
    seen = company.views(history)
    for view in seen:
        for name, checker in (CLIENT_CHECKERS if on_trial else CHECKERS).items():
            _hear(name, checker, view, findings, unproven)
    _hear("company", company.check, history, findings, unproven)
    unproven.extend(_unproven(history))
    unproven.extend(company.unproven(history))
    if not on_trial:
        unproven.extend(meeting.unproven(seen[0]))
        unproven.extend(earlier.unproven(seen[0]))  # a second client may come when all is done
    if not findings:
        shown = client.unproven if on_trial else _nothing_shown
        unproven.extend(said for view in seen for said in shown(view))
    try:
        noted = tuple(remarks(history))
    except Exception as error:  # as above
        noted = ()
        unproven.append(f"the remarks on this history could not be made: {error!r}")
    landed = list(history.of(Op.FAULT, types=[Type.OK]))
    if not _is_old(history):
        findings = told_once(findings)
    return Judgement(
        findings=tuple(findings),
        unproven=tuple(unproven),
        confirmed=sum(1 for o in landed if KINDS[o.value["kind"]].family != OPERATION),
        recoveries_s=tuple(recovery.recoveries_s(history)),
        kills=sum(o.value.get("kills", 0) for o in landed),
        refused=any(True for _ in history.of(Op.FAULT, types=[Type.FAIL, Type.INFO])),
        planned=len(Plan.from_json(history.header.plan).faults),
        offsets=tuple(o.value["offset"] for o in landed if "offset" in o.value and recovery.undoes(o)),
        remarks=noted,
        late=moments.late(history),
        hits=tuple(cells.hits(history)),
        owed=tuple(cells.owed(history)),
        overdue=any("claimed_s" in f.evidence for f in findings) or any(claimed.SLOW in text for text in unproven),
    )


def _hear(name: str, checker: Checker, view: History, findings: list[Finding], unproven: list[str]) -> None:
    """Add what a checker says, once; one that crashes must not hide what the others found."""
    told = {(finding.invariant, finding.message) for finding in findings}
    try:
        found = (advised(view, finding) for finding in checker(view))
        findings.extend(finding for finding in found if (finding.invariant, finding.message) not in told)
        unproven.extend(UNPROVEN.get(name, _nothing)(view))
    except Exception as error:
        unproven.append(f"the {name} checker could not read this history: {error!r}")


def _is_old(history: History) -> bool:
    """Whether it is of the format whose judgements stay what they were."""
    return bool(history.header.plan["format"] == format_1.FORMAT)


def _nothing(_: History) -> Iterable[str]:
    return ()


def _unproven(history: History) -> Iterable[str]:
    """What has not landed, or not ended. One fault that landed is owed; a plan of format 1 owed all that it had."""
    plan = Plan.from_json(history.header.plan)
    planned = plan.faults
    owed = len(planned) if _is_old(history) else min(len(planned), 1)
    landed = sum(1 for _ in history.of(Op.FAULT, types=[Type.OK]))
    refused = list(history.of(Op.FAULT, types=[Type.FAIL, Type.INFO]))
    for fault in refused:
        yield f"{fault.value.get('fault')}: {fault.value.get('reason')}"
    if not refused and landed < owed:
        over = f"{planned[landed]}: {RUN_OVER}"
        yield f"{over}, at the first look: {earlier.ADVICE}" if earlier.at_once_s(history) is not None else over
    if plan.afterlife and not afterlife.was_seen(history):
        yield "what was done was not looked at again after the end"
    if not any(True for _ in history.of(Op.END)):
        yield "the history has no end: the run was broken off"
    elif not any(True for _ in history.of(Op.OUTPUT)):
        reasons = [o.value.get("reason") for o in history.of(Op.END)]
        if not {"stalled", "at rest"} & set(reasons):
            yield f"the run ended without an output: {reasons[-1]}"


def _nothing_shown(history: History) -> Iterable[str]:
    """What a run without findings must have shown, or it would pass because nobody could look."""
    golden = next((o.value.get("records") for o in history.of(Op.EXPECT)), None)
    for output in history.of(Op.OUTPUT, types=[Type.OK]):
        status, records = output.value.get("status"), output.value.get("records")
        if status != "completed":
            yield f"the output came with the status {status!r}, which no checker judges"
        elif records is None and golden is not None:
            yield "the output shows no records, and the golden run's did"
        elif records is None and output.value.get("count") is None and not _all_done(history):
            yield "the output shows neither records nor a count: say in [observe] where they are found"
    if word := lifecycle.unknown_end(history):
        yield (
            f"the task stands still at the status {word!r}, and nobody knows whether that is an end: if it is, say so "
            f'with words = {{ failed = ["{word}"] }} or words = {{ completed = ["{word}"] }} in [observe]'
        )
    elif any(o.value.get("reason") == "stalled" for o in history.of(Op.END)):
        yield "the run stalled, and no checker blames the subject"
    for lost in history.of(Op.STATUS, types=[Type.FAIL]):
        if lifecycle.expired(history, lost) and not any(True for _ in history.of(Op.OUTPUT, types=[Type.OK])):
            ttl_s = (lifecycle.ttl_of(history, lost) or 0) / 1000
            yield f"the task was kept for its ttl of {ttl_s:g} s, which was over before its result could be read"
            return
    for output in history.of(Op.OUTPUT, types=[Type.FAIL]):
        if control.ended_by_order(history, output) or outputs.calls_failed(history):
            continue
        if output.value.get("reason") == "vanished" and any(True for _ in history.of(Op.OUTPUT, types=[Type.OK])):
            continue  # it had given its result, and its ttl was over
        if held_sharply(history.header.claims, "records.lost"):
            yield f"the job failed, and no checker blames the subject: {output.value.get('error')}"


def _all_done(history: History) -> bool:
    """Whether progress has reached the whole workload: less than records or a count, and not nothing."""
    workload = history.header.workload["records"]
    return any(seen.value["done"] == workload for seen in history.of(Op.PROGRESS))
