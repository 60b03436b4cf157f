"""The golden run is judged before anything else: what fails with nobody in the way is somebody's plain fault.

It is the profile's (UsageError) where a path finds nothing, nobody fills a placeholder, or the tool is called wrongly;
else the server's (SubjectError). It is never a finding: that a crash lost something can only be said of what works.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_crashtest.laboratory import tools_named
from mcp_crashtest.laboratory.advice import on_arguments, on_path, on_word
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.patterns import argument_for, id_path, is_uri, on_handle, on_pending
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import NotTaken, SubjectError, UsageError
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.paths import fill, placeholders
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.showing import bounded, paths_in, pretty
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.model.verdict import Judgement

_BAD_CALL = re.compile(
    r"validation|invalid (param|argument|input)|(missing|unexpected|required|unknown) .{0,40}(argument|parameter|field)"
    r"|-32602",
    re.IGNORECASE,
)
_ORDER = ("handle", "status", "progress", "total", "count")
_LEADS_ON = re.compile(r"(next|cursor|more|page)", re.IGNORECASE)


def refuse_plain_faults(bench: Bench, history: History, judgement: Judgement, last_words: str) -> None:
    """Raise UsageError or SubjectError where an undisturbed run does not show the whole job, NotTaken if none began."""
    profile = bench.profile
    for complaint in _of_profile(bench, history):
        raise UsageError(
            f"the profile {profile.name} does not fit its server: {complaint}\n\nthe server's last words:\n{last_words}"
        )
    for complaint in _of_server(history, judgement):
        raise (SubjectError if refusal(history) is None else NotTaken)(
            f"the server of {profile.name} cannot do its job undisturbed: {complaint}{_beside_the_point(judgement)}\n\n"
            f"its last words:\n{last_words}"
        )


def _beside_the_point(judgement: Judgement) -> str:
    """What was remarked of its messages: a line that is none may have torn one that was."""
    said = [f"{remark.message}. {remark.advice or ''}" for remark in judgement.remarks if remark.evidence.get("lines")]
    return "".join(f"\n{one}" for one in said)


def unknown_word(profile: Profile, history: History) -> UsageError | None:
    """The mistake of a profile without the claim to resume, whose job stands still at a word that nobody knows.

    A word that something followed, in any life, is no end: then it is the server that stands still.
    """
    last = _stalled_at(history)
    if profile.claims.resumes or last is None:
        return None
    return UsageError(
        f"the profile {profile.name} does not know all of its server's words: {_stood_still(history, last)}"
    )


def refusal(history: History) -> str | None:
    """What a server says that does not take a job, with nobody in the way; None where it has begun with it."""
    if history.header.plan.get("faults") or any(history.of(Op.SUBMIT, types=[Type.OK])) or any(history.of(Op.PROGRESS)):
        return None
    output = next(history.of(Op.OUTPUT), None)
    refused = output is not None and output.type is Type.FAIL and output.value.get("reason") == "refused"
    return excerpt(" ".join(str(output.value.get("error", "")).split())) if output is not None and refused else None


def _stalled_at(history: History) -> Operation | None:
    """Where a stalled run has last seen a word that nobody knows, and at which nothing ever went on."""
    end = next(history.of(Op.END), None)
    if end is None or end.value["reason"] not in ("stalled", "client deadline"):
        return None
    last = max(history.of(Op.STATUS, types=[Type.OK]), key=lambda seen: seen.i, default=None)
    unknown = {seen.value["status"] for seen in history.of(Op.STATUS, types=[Type.INFO])}
    if last is None or last.value["status"] not in unknown:
        return None
    return None if _moved_at(history, last.value["status"]) else last


def _moved_at(history: History, word: str) -> bool:
    """Whether anything went on while the status was this word: other progress, or another word after it."""
    now, seen, done = None, False, set()
    for event in history.of(Op.STATUS, Op.PROGRESS, types=[Type.OK]):
        if event.op is Op.STATUS:
            now = event.value["status"]
            seen |= now == word
            if seen and now != word:
                return True
        elif now == word:
            done.add(event.value["done"])
    return len(done) > 1


def _stood_still(history: History, last: Operation) -> str:
    told = next(s for s in history.of(Op.STATUS, types=[Type.INFO]) if s.value["status"] == last.value["status"])
    about = on_word(last.value["status"], told.value["ends"], all_done=_all_done(history))
    return f"{_last_seen(history)}, and nothing moves any more; {about}"


def _all_done(history: History) -> bool:
    return any(seen.value["done"] == history.header.workload["records"] for seen in history.of(Op.PROGRESS))


def _last_seen(history: History) -> str:
    status = max(history.of(Op.STATUS, types=[Type.OK]), key=lambda seen: seen.i, default=None)
    progress = max(history.of(Op.PROGRESS), key=lambda seen: seen.i, default=None)
    word = (
        f"the last status is {status.value.get('word', status.value['status'])!r}" if status else "no status was seen"
    )
    workload = history.header.workload["records"]
    lost = list(history.of(Op.SUBMIT, types=[Type.INFO]))
    if lost and not any(True for _ in history.of(Op.SUBMIT, types=[Type.OK])):
        return f"its {len(lost)} submissions came to nothing, the last with: {lost[-1].value.get('error')}"
    return word + (f" at {progress.value['done']} of {workload} records" if progress else ", without progress")


# --- the profile's


def _of_profile(bench: Bench, history: History) -> Iterator[str]:
    """What is wrong with the profile, the plainest first."""
    profile = bench.profile
    if _failed(history):
        yield from tools_named.of_the_job(bench)
        yield from _another_pattern(bench, history)
        yield from _status_called_wrongly(bench, history)
    yield from tools_named.beside_the_job(bench)
    ids = any(seen.value.get("event") for seen in history.of(Op.STREAM, types=[Type.OK]))
    if profile.contract.kind is ContractKind.SSE_RESUME and not ids:
        yield (
            f'[contract] kind = "{profile.contract.kind}": not offered: the stream of {profile.contract.tool} has no '
            f"events with ids, behind which it could go on; say {ContractKind.RESUMABLE_TOOL}"
        )
    yield from on_pending(profile, bench.tools, _answered(history))
    yield from _called_wrongly(bench, history)
    short = _stored(history) is not None and _stored(history) != history.header.workload["records"]
    for what, paths, document in _unseen(history):
        for key in sorted(paths, key=lambda key: _ORDER.index(key) if key in _ORDER else len(_ORDER)):
            if (key != "records.next" or short) and not _is_an_error(document):
                yield on_path(profile.observe, key, paths[key], what, document)
    if (last := _stalled_at(history)) is not None:
        yield _stood_still(history, last)
    yield from _other_numbers(bench, history)
    yield from _nothing_to_see(profile, history)


def _failed(history: History) -> bool:
    return not any(True for _ in history.of(Op.OUTPUT, types=[Type.OK]))


def _called_wrongly(bench: Bench, history: History) -> Iterator[str]:
    """A call that the tool's own schema refuses."""
    refused = next(history.of(Op.SUBMIT, types=[Type.FAIL]), None)
    if refused is None or any(True for _ in history.of(Op.SUBMIT, types=[Type.OK])):
        return
    contract, error = bench.profile.contract, str(refused.value.get("error"))
    schema = bench.tools.get(contract.tool, {})
    faults = list(on_arguments(schema, refused.value.get("arguments") or {})) if schema else []
    if faults or _BAD_CALL.search(error):
        wrong = "; ".join(faults) or "it says what is wrong"
        shown = "\n".join(f"  {line}" for line in pretty(bounded(schema)).splitlines())
        given = "\n".join(f"  {line}" for line in pretty(refused.value.get("arguments")).splitlines())
        yield (
            f"the tool {contract.tool} refuses its [contract] arguments: {wrong}\n  {error}\n\nit was called with\n\n"
            f"{given}\n\nand its input schema is\n\n{shown}"
        )
    elif contract.kind.is_of_protocol and "answer" in refused.value:
        yield (
            f'[contract] kind = "{contract.kind}": not offered: {contract.tool} is answered without a task: {error}. '
            f"Where the call comes back with the output, the kind is {ContractKind.RESUMABLE_TOOL}"
        )
    elif contract.kind.blocking is False and error.startswith("no ") and bench.profile.observe.handle is None:
        where = id_path(refused.value.get("answer")) or "$.…"
        yield f'[observe] has no handle: {error}\n\nSay where in it the task is named:\n\n  handle = "{where}"'


def _answered(history: History) -> Any:
    """The document of a call's answer, where it did not hold what was wanted."""
    output = next(history.of(Op.OUTPUT, types=[Type.OK]), None)
    if output is not None and output.value.get("document") is not None:
        return output.value["document"]
    return next((event.value["document"] for event in history.of(Op.UNSEEN) if event.value["document"]), None)


def _another_pattern(bench: Bench, history: History) -> Iterator[str]:
    """An id, where the URI of a resource was wanted."""
    named = next(history.of(Op.SUBMIT, types=[Type.OK]), None)
    refused = next((e for e in history.of(Op.SUBMIT, types=[Type.FAIL]) if "answer" in e.value), None)
    handle = str(named.task) if named and named.task else None
    said = None
    if handle is not None and not is_uri(handle):
        said = on_handle(bench.profile, bench.tools, None, handle)
    elif named is None and refused is not None and bench.profile.observe.handle is None:
        said = on_handle(bench.profile, bench.tools, refused.value["answer"], None)
    if said is not None:
        yield said


def _status_called_wrongly(bench: Bench, history: History) -> Iterator[str]:
    """A call of the status tool that its own schema refuses."""
    refused = next(history.of(Op.STATUS, types=[Type.FAIL]), None)
    spec = bench.profile.contract.status
    if refused is None or spec is None or spec.tool is None:
        return
    schema = bench.tools.get(spec.tool, {})
    faults = list(on_arguments(schema, fill(spec.arguments, {"handle": refused.task or ""}))) if schema else []
    if faults or _BAD_CALL.search(str(refused.value.get("error"))):
        argument = argument_for(schema, bench.profile.observe.handle)
        yield (
            f"the tool {spec.tool} refuses its [contract] status arguments: {'; '.join(faults) or 'it says why'}\n  "
            f"{refused.value.get('error')}\n\nIs it told which job is meant?\n\n  "
            f'status = {{ tool = "{spec.tool}", arguments = {{ {argument} = "{{handle}}" }} }}'
        )


def _unseen(history: History) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Paths that have found nothing to the end, by the document in which they were to be found."""
    last: dict[str, Operation] = {event.value["what"]: event for event in history.of(Op.UNSEEN)}
    for what, event in last.items():
        earlier = [e.value["document"] for e in history.of(Op.UNSEEN) if e.value["what"] == what]
        document = next((shown for shown in reversed(earlier) if shown is not None), None)
        if event.value["paths"]:
            yield what, event.value["paths"], document


def _is_an_error(document: Any) -> bool:
    """Whether the server says that something is wrong instead of what it was asked for."""
    return isinstance(document, Mapping) and bool(document.get("error")) and "status" not in document


def _stored(history: History) -> int | None:
    output = next(history.of(Op.OUTPUT, types=[Type.OK]), None)
    records = output.value.get("records") if output else None
    return None if records is None else len(records)


def _other_numbers(bench: Bench, history: History) -> Iterator[str]:
    """A count, a key or a page that is another than was meant; a job of another size than was asked for."""
    output = next(history.of(Op.OUTPUT, types=[Type.OK]), None)
    workload, observe = history.header.workload["records"], bench.profile.observe
    if output is None:
        return
    records, count, document = output.value.get("records"), output.value.get("count"), output.value.get("document")
    stored = None if records is None else len(records)
    distinct = None if records is None else len({key for key, _ in records})
    if records and stored == workload and distinct is not None and distinct < workload and observe.records:
        yield (
            f'[observe] records.key = "{observe.records.key}" does not tell records apart: {stored} of them have '
            f"{distinct} keys, such as {records[0][0]!r}. Name what is different in each"
        )
    right = [path for path, value in paths_in(document) if value == workload and not isinstance(value, bool)]
    if count not in (None, workload) and right and stored in (None, workload):
        yield (
            f'[observe] count = "{observe.count}" finds {count!r}, and the workload has {workload} records:\n\n'
            f'{pretty(document, observe.count, "this is not the count")}\n\nPerhaps:\n\n  count = "{right[0]}"'
        )
    if stored is not None and stored != workload:
        yield from _of_another_size(bench, stored, workload, document)


def _of_another_size(bench: Bench, stored: int, workload: int, document: Any) -> Iterator[str]:
    profile = bench.profile
    held = f"the output holds {stored} records, and the workload has {workload}"
    leads = [path for path, value in paths_in(document) if value and _LEADS_ON.search(path) and isinstance(value, str)]
    if stored < workload and leads and profile.observe.records and profile.observe.records.next is None:
        yield f'{held}; is this one page of them? Say in [observe] records what leads to the next: next = "{leads[0]}"'
    arguments = profile.contract.arguments
    if "total_records" not in set(placeholders(arguments)) and profile.workload.input_file is None:
        yield (
            f"{held}; nobody has told the server how many: say it in [contract] arguments with {{total_records}}, or "
            f"have them written to a file, [workload] input_file"
        )
    known = bench.tools.get(profile.contract.tool, {}).get("properties")
    unknown = [name for name in arguments if isinstance(known, Mapping) and name not in known]
    if unknown:
        yield f"{held}; the tool has no argument {unknown[0]!r}, it has {', '.join(map(str, known or ()))}"


def _nothing_to_see(profile: Profile, history: History) -> Iterator[str]:
    output = next(history.of(Op.OUTPUT, types=[Type.OK]), None)
    if output is None or output.value.get("records") is not None or output.value.get("count") is not None:
        return
    if not _all_done(history):
        yield (
            "the output shows neither records nor a count, and progress was not seen to reach the end: say in "
            '[observe] where they are found:\n\n  records = { file = "{state_dir}/out.jsonl", key = "$.id" }'
        )


# --- the server's


def _of_server(history: History, judgement: Judgement) -> Iterator[str]:
    if _failed(history):
        yield _did_not_end(history)
    if judgement.findings:
        yield "; ".join(f"{finding.invariant}: {finding.message}" for finding in judgement.findings)
    yield from judgement.unproven


def _did_not_end(history: History) -> str:
    failed, end = next(history.of(Op.OUTPUT), None), next(history.of(Op.END), None)
    errors = [e.value["document"] for e in history.of(Op.UNSEEN) if _is_an_error(e.value["document"])]
    shown = f"\n{pretty(errors[-1])}" if errors else ""
    if failed is not None:
        return f"the job did not come to its end: {failed.value.get('error')}{shown}"
    reason = end.value["reason"] if end else "broken off"
    return f"the job did not come to its end ({reason}): {_last_seen(history)}{shown}"
