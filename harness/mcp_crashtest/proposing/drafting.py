"""The whole draft of a profile: how the server is reached was found out before; the rest comes from one sighting."""

from __future__ import annotations

from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.proposing import sighting as seen
from mcp_crashtest.proposing.arguments import Arguments
from mcp_crashtest.proposing.choosing import FIXTURE
from mcp_crashtest.proposing.offer import Tool
from mcp_crashtest.proposing.sighting import Sighting
from mcp_crashtest.proposing.writing import Draft

LEDGER_VARIABLE = "CRASHTEST_LEDGER"
"""By what the fixture tool is told of its ledger."""

_PER_KIND = {
    ContractKind.RESUMABLE_TOOL: "one call that comes back with the output, and is made again after a crash",
    ContractKind.RESOURCE_TASK: "the tool answers at once with the URI at which the job is followed",
    ContractKind.TOOL_TASK: "the tool answers at once with an id, and another tells how it stands",
    ContractKind.TASKS_EXTENSION: "the call is answered with a task of the Tasks extension",
    ContractKind.TASKS_2025: "the call is made a core task of revision 2025-11-25",
    ContractKind.SSE_RESUME: "one call, whose stream of events has ids, by which it is joined again",
}
_NO_LEDGER = (
    'Work that is done twice is seen where the server appends a line {"task": ..., "record": ...} for each record to a '
    'file that it is told of: environment = { CRASHTEST_LEDGER = "{ledger}" }, or {ledger} in the command.'
)


def draft_of(
    draft: Draft, tool: Tool, call: Arguments, sighting: Sighting, *, batch: int, outlived: bool = False
) -> Draft:
    """The draft with [contract], [observe], [claims] and [workload]. Raises UsageError for what cannot be found out."""
    parts = set(call.parts.values())
    told = "total" in parts or call.input_file is not None
    records = seen.size_of(sighting, _asked(call, sighting))
    if records is None:
        raise UsageError(
            f"cannot find out how many records the job of {tool.name} has: no argument says it, and nothing shows it. "
            f"Give --argument NAME={{total_records}} for the argument that does, or --set workload.records=N"
        )
    if outlived:
        draft.say("subject", "kill", "all", "somebody of it outlives its process group", guessed=True)
    if sighting.kind is ContractKind.TASKS_EXTENSION:
        draft.say("subject", "protocols", ["2026-07-28"])
    _contract(draft, tool, call, sighting)
    seen.observe(draft, sighting, records, blocking=sighting.kind.blocking)
    draft.say("claims", "semantics", "exactly-once", "or at-least-once")
    draft.say("claims", "resumes", True, "false: it begins anew, or fails and says so")
    seen.workload(draft, sighting, records, batch if "batch" in parts else None, told=told)
    if call.input_file is not None:
        draft.say("workload", "input_file", call.input_file, "JSON lines that the lab writes beforehand", guessed=True)
    if sighting.kind.blocking and "{client_id}" not in str(call.template):
        draft.remarks.append(
            "No argument says whose call it is: called again after a crash, it knows its job by the others alone."
        )
    if tool.name == FIXTURE:
        told_of = {**(draft.get("subject", "environment") or {}), LEDGER_VARIABLE: "{ledger}"}
        draft.say("subject", "environment", told_of, "where each record's work leaves a line")
    told_ledger = "{ledger}" in f"{draft.get('subject', 'command')} {draft.get('subject', 'environment')}"
    draft.footnotes += [] if told_ledger else [_NO_LEDGER]
    return draft


def _asked(call: Arguments, sighting: Sighting) -> int | None:
    """How many records the call has asked for; None where it could not say."""
    if call.size is not None:
        return call.size
    return sighting.asked if "total" in call.parts.values() else None


def _contract(draft: Draft, tool: Tool, call: Arguments, sighting: Sighting) -> None:
    draft.say("contract", "kind", str(sighting.kind), _PER_KIND.get(sighting.kind, ""))
    draft.say("contract", "tool", tool.name)
    guessed = [f"{name}: {why}" for name, why in call.guesses.items()]
    draft.say("contract", "arguments", dict(call.template) or None, "; ".join(guessed), guessed=bool(guessed))
    if sighting.asking is not None:
        asked = {"tool": sighting.asking.tool.name, "arguments": dict(sighting.asking.arguments)}
        draft.say("contract", "status", asked, "{handle} is the id")
    for name, said in sighting.operations.items():
        draft.say("contract", name, said, guessed=name != "list")
