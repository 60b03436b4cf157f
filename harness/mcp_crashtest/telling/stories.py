"""The story of a harmed record, in one sentence: which call of which life wrote it, when, and again."""

from __future__ import annotations

from mcp_crashtest.telling.lives import Bolt
from mcp_crashtest.telling.records import CHANGED, LOST, TWICE, Fate
from mcp_crashtest.telling.words import clean, duration, ordinal, plural
from mcp_crashtest.telling.work import Work, Writing

_LONGEST_NAME = 80


def story(fate: Fate, done: Work | None, struck: tuple[Bolt, ...]) -> str:
    """What became of these records, and who did it, as far as the evidence tells."""
    return f"{_whom(fate)} {_what(fate)}: {_who(fate, done, struck)}."


def _whom(fate: Fate) -> str:
    first, last = (clean(name, _LONGEST_NAME) for name in fate.names)
    if fate.first == fate.last:
        return first
    return f"{first} to {last} ({plural(fate.last - fate.first + 1, 'record')} of batch {fate.batch})"


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
        return "no life of the server has ever executed it, by the ledger"
    said = []
    for n, writing in enumerate(fate.written):
        following = fate.written[n + 1] if n + 1 < len(fate.written) else None
        said.append(("written" if n == 0 else "and again") + _when(writing, following, struck) + _by(writing))
    if fate.kind == LOST:
        said.append("and yet it is missing at the end")
    elif fate.kind == TWICE and len(fate.written) == 1:
        said.append("executed once only: the output was written twice, or read twice")
    if done.side_by_side and len(fate.written) > 1:
        said.append("by two who worked side by side: whose line is whose the ledger does not tell")
    return ", ".join(said)


def _when(writing: Writing, following: Writing | None, struck: tuple[Bolt, ...]) -> str:
    if writing.by is None or (following and following.by == writing.by and not writing.seen):
        return " before that" if following else ""
    after = [bolt for bolt in struck if bolt.harm and bolt.at <= writing.by]
    behind = f" ({duration(writing.by - after[-1].at)} behind fault {after[-1].number})" if after else ""
    return f" {'at' if writing.seen else 'by'} {duration(writing.by)}{behind}"


def _by(writing: Writing) -> str:
    lines = f"line {writing.first}" if writing.first == writing.last else f"lines {writing.first} to {writing.last}"
    whose = f" by call {writing.call} of the client's {ordinal(writing.client or 1)} life" if writing.call else ""
    server = f"{',' if whose else ' by'} the server's {ordinal(writing.server)} life" if writing.server else ""
    server = server.replace(",", " in", 1) if whose else server
    return f"{whose}{server} (ledger {lines})"
