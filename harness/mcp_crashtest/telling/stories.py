"""The story of harmed records, in one sentence: which call of which life wrote it, when, and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mcp_crashtest.telling.lives import Bolt
from mcp_crashtest.telling.records import CHANGED, LOST, TWICE, Fate
from mcp_crashtest.telling.words import clean, duration, ordinal, plural
from mcp_crashtest.telling.work import Work, Writing

_LONGEST_NAME = 80


def stories(fates: Sequence[Fate], done: Work | None, struck: tuple[Bolt, ...]) -> tuple[str, ...]:
    """What became of these records, and who did it, as far as the evidence tells; neighbours of one story together."""
    groups: list[list[Fate]] = []
    for fate in fates:
        if groups and _alike(groups[-1][-1], fate):
            groups[-1].append(fate)
        else:
            groups.append([fate])
    return tuple(_story(group, done, struck) for group in groups)


def _alike(last: Fate, fate: Fate) -> bool:
    """Whether the next batch's records came to the same harm by the same hands."""
    kinds = [(one.kind, one.times, [(w.call, w.client, w.server) for w in one.written]) for one in (last, fate)]
    return kinds[0] == kinds[1] and 0 <= last.last == fate.first - 1


def _story(group: Sequence[Fate], done: Work | None, struck: tuple[Bolt, ...]) -> str:
    first, last = group[0], group[-1]
    written = tuple(_from_to(parts) for parts in zip(*(fate.written for fate in group), strict=True))
    whole = replace(first, last=last.last, names=(first.names[0], last.names[1]), written=written)
    return f"{_whom(whole, last.batch)} {_what(whole)}: {_who(whole, done, struck)}."


def _from_to(parts: Sequence[Writing]) -> Writing:
    by = max((part.by for part in parts if part.by is not None), default=None)
    return replace(parts[0], last=max(part.last for part in parts), by=by)


def _whom(fate: Fate, last_batch: int) -> str:
    first, last = (clean(name, _LONGEST_NAME) for name in fate.names)
    if fate.first == fate.last:
        return first
    batches = f"batch {fate.batch}" if fate.batch == last_batch else f"batches {fate.batch} to {last_batch}"
    return f"{first} to {last} ({plural(fate.last - fate.first + 1, 'record')} of {batches})"


def _what(fate: Fate) -> str:
    one = fate.first == fate.last
    if fate.kind == TWICE:
        times = "twice" if fate.times == 2 else f"{fate.times} times"
        return f"{'is' if one else 'are'} in the output {times}"
    if fate.kind == LOST:
        return f"{'is' if one else 'are'} not in the output"
    if fate.kind == CHANGED:
        return f"{'has' if one else 'have'} another content than in the undisturbed run"
    return "is in the output, and nobody expected it"


def _who(fate: Fate, done: Work | None, struck: tuple[Bolt, ...]) -> str:
    if fate.first < 0:
        return "it is none of the workload's records"
    if done is None:
        return "there is no ledger, so that nobody saw who wrote it; give the server {ledger}"
    if not fate.written:
        which = "it" if fate.first == fate.last else "them"
        return f"no life of the server has ever executed {which}, by the ledger"
    if done.side_by_side and len(fate.written) > 1:
        begun, ended = fate.written[0], fate.written[-1]
        until = f" until {duration(ended.by)}" if ended.by is not None else ""
        return (
            f"written{until}, in ledger lines {begun.first} to {ended.last}, by two who worked side by side: whose "
            f"line is whose the ledger does not tell"
        )
    said = []
    for n, writing in enumerate(fate.written):
        following = fate.written[n + 1] if n + 1 < len(fate.written) else None
        said.append(("written" if n == 0 else "and again") + _when(writing, following, struck) + _by(writing))
    if fate.kind == LOST:
        said.append(f"and yet {'it is' if fate.first == fate.last else 'they are'} missing at the end")
    elif fate.kind == TWICE and len(fate.written) == 1:
        said.append("executed once only: the output was written twice, or read twice")
    return ", ".join(said)


def _when(writing: Writing, following: Writing | None, struck: tuple[Bolt, ...]) -> str:
    if writing.by is None or (following and following.by == writing.by and not writing.seen):
        return " before that" if following else ""
    after = [bolt for bolt in struck if bolt.harm and bolt.at <= writing.by]
    behind = f" ({duration(writing.by - after[-1].at)} after fault {after[-1].number})" if after else ""
    return f" {'at' if writing.seen else 'by'} {duration(writing.by)}{behind}"


def _by(writing: Writing) -> str:
    lines = f"line {writing.first}" if writing.first == writing.last else f"lines {writing.first} to {writing.last}"
    whose = f" by call {writing.call} of the client's {ordinal(writing.client or 1)} life" if writing.call else ""
    server = f"{',' if whose else ' by'} the server's {ordinal(writing.server)} life" if writing.server else ""
    server = server.replace(",", " in", 1) if whose else server
    return f"{whose}{server} (ledger {lines})"
