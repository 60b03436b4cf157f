"""The first output of each job against the golden run's: lost, duplicated, unexpected, reordered, content, count.

Records are compared by key; what a record says is compared by digest. Where the output shows no records but only a
count, only the count is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from mcp_crashtest.checkers.outputs import first_outputs, some
from mcp_crashtest.model.claims import held, held_sharply
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.verdict import Finding

_LONGEST = 100


def check(history: History) -> Iterator[Finding]:
    """Judge the first output of every job."""
    expected = next((o.value["records"] for o in history.of(Op.EXPECT)), None)
    for output in first_outputs(history):
        records = output.value.get("records")
        if records is not None and output.value.get("shared"):
            records = _of_one_submission(history, output, records)
        yield from _count(history, output, records)
        if records is not None:
            yield from _duplicated(history, output, records)
            if expected is not None and records != expected:
                yield from _against(history, output, records, expected)


def _of_one_submission(history: History, output: Operation, records: Sequence[Any]) -> Sequence[Any]:
    """What one submission of several has written, where the answer to one got lost and all write to one place."""
    before = [o for o in history.of(Op.SUBMIT) if o.i < output.i]
    asked = sum(o.type is Type.INVOKE for o in before)
    unheard = asked - sum(o.type in (Type.OK, Type.FAIL) for o in before)
    most = max(Counter(key for key, _ in records).values(), default=0)
    if not unheard or most > unheard + 1:
        return records
    first: dict[str, str] = {}
    for key, digest in records:
        first.setdefault(key, digest)
    return list(first.items())


def _count(history: History, output: Operation, records: Sequence[Any] | None) -> Iterator[Finding]:
    """Exactly once, every number is the workload's; at least once, repeats may be counted or not."""
    workload = history.header.workload["records"]
    reported = output.value.get("count")
    stored = None if records is None else len(records)
    if held_sharply(history.header.claims, "records.count"):
        right = all(number in (None, workload) for number in (reported, stored))
    elif records is None:
        right = not isinstance(reported, int | float) or reported >= workload
    else:
        right = len({key for key, _ in records}) == workload and reported in (None, workload, stored)
    if not right:
        shown = [] if reported is None else [f"the subject reports {_bounded(reported)} records"]
        shown += [] if stored is None else [f"the output holds {stored}"]
        yield Finding(
            "records.count",
            f"{', '.join(shown)}; the workload has {workload}",
            (output.i,),
            {"reported": _bounded(reported), "stored": stored, "workload": workload},
        )


def _bounded(reported: Any) -> Any:
    """A subject's number as it is; anything else, NaN among it, as bounded text."""
    number = reported is None or (isinstance(reported, int | float) and abs(reported) < 1e18)
    return reported if number else repr(reported)[:_LONGEST]


def _duplicated(history: History, output: Operation, records: Sequence[Any]) -> Iterator[Finding]:
    if not held(history.header.claims, "records.duplicated"):
        return
    keys = [key for key, _ in records]
    twice = {key: n for key, n in Counter(keys).items() if n > 1} if len(set(keys)) < len(keys) else {}
    if twice:
        yield Finding(
            "records.duplicated",
            f"{len(twice)} records are in the output more than once: {some(list(twice))}",
            (output.i,),
            {"keys": list(twice)[:100], "total": len(twice)},
        )


def _against(history: History, output: Operation, records: Sequence[Any], expected: Sequence[Any]) -> Iterator[Finding]:
    claims = history.header.claims
    want, have = dict(expected), dict(records)
    lost = [key for key in want if key not in have]
    if lost:
        yield Finding(
            "records.lost",
            f"{len(lost)} of {len(want)} records are not in the output: {some(lost)}",
            (output.i,),
            {"keys": lost[:100], "total": len(lost)},
        )
    unexpected = [key for key in have if key not in want]
    if unexpected:
        yield Finding(
            "records.unexpected",
            f"{len(unexpected)} records are in the output that the golden run does not have: {some(unexpected)}",
            (output.i,),
            {"keys": unexpected[:100], "total": len(unexpected)},
        )
    if held(claims, "records.reordered") and not lost and not unexpected:
        first_seen = list(dict.fromkeys(key for key, _ in records))
        if first_seen != list(want):
            where = next(n for n, (a, b) in enumerate(zip(first_seen, want, strict=True)) if a != b)
            yield Finding(
                "records.reordered",
                f"the output leaves the input's order at position {where}: {first_seen[where]!r}",
                (output.i,),
                {"position": where},
            )
    if held(claims, "records.content"):
        changed = [key for key, digest in records if key in want and want[key] != digest]
        if changed:
            yield Finding(
                "records.content",
                f"{len(changed)} records differ from the golden run's: {some(changed)}",
                (output.i,),
                {"keys": changed[:100], "total": len(changed)},
            )
