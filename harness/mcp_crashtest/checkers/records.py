"""The first output of each job against the golden run's: lost, duplicated, unexpected, reordered, content, count.

Records are compared by key; what a record says is compared by digest. Where the output shows no records but only a
count, only the count is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from mcp_crashtest.checkers.outputs import first_outputs, some
from mcp_crashtest.model.claims import held, held_sharply
from mcp_crashtest.model.column import Column
from mcp_crashtest.model.columns import Table, as_table
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.verdict import Finding

_WIDTH, _LONGEST = 2, 100


def check(history: History) -> Iterator[Finding]:
    """Judge the first output of every job."""
    expected = next((o.value["records"] for o in history.of(Op.EXPECT)), None)
    for output in first_outputs(history):
        shown = output.value.get("records")
        records = None if shown is None else as_table(shown, _WIDTH)
        if records is not None and output.value.get("shared"):
            records = _of_one_submission(history, output, records)
        yield from _count(history, output, records)
        if records is not None:
            yield from _duplicated(history, output, records)
            if expected is not None and records != (wanted := as_table(expected, _WIDTH)):
                yield from _against(history, output, records, wanted)


def _of_one_submission(history: History, output: Operation, records: Table) -> Table:
    """What one submission of several has written, where the answer to one got lost and all write to one place."""
    before = [o for o in history.of(Op.SUBMIT) if o.i < output.i]
    asked = sum(o.type is Type.INVOKE for o in before)
    unheard = asked - sum(o.type in (Type.OK, Type.FAIL) for o in before)
    most = max(Counter(records.columns[0]).values(), default=0)
    if not unheard or most > unheard + 1:
        return records
    first: dict[str, str] = {}
    for key, digest in records:
        first.setdefault(key, digest)
    return Table.of(first.items(), _WIDTH)


def _count(history: History, output: Operation, records: Table | None) -> Iterator[Finding]:
    """Exactly once, every number is the workload's; at least once, repeats may be counted or not."""
    workload = history.header.workload["records"]
    reported = output.value.get("count")
    stored = None if records is None else len(records)
    if held_sharply(history.header.claims, "records.count"):
        right = all(number in (None, workload) for number in (reported, stored))
    elif records is None:
        right = not isinstance(reported, int | float) or reported >= workload
    else:
        right = records.columns[0].distinct == workload and reported in (None, workload, stored)
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


def _duplicated(history: History, output: Operation, records: Table) -> Iterator[Finding]:
    keys = records.columns[0]
    if not held(history.header.claims, "records.duplicated") or keys.distinct == len(keys):
        return
    twice = [key for key, n in Counter(keys).items() if n > 1]
    yield Finding(
        "records.duplicated",
        f"{len(twice)} records are in the output more than once: {some(twice)}",
        (output.i,),
        {"keys": twice[:100], "total": len(twice)},
    )


def _against(history: History, output: Operation, records: Table, expected: Table) -> Iterator[Finding]:
    claims, keys, wanted = history.header.claims, records.columns[0], expected.columns[0]
    unexpected = list(dict.fromkeys(keys.beyond(wanted)))
    lost = list(dict.fromkeys(wanted.beyond(keys))) if unexpected or keys.distinct != wanted.distinct else []
    if lost:
        yield Finding(
            "records.lost",
            f"{len(lost)} of {wanted.distinct} records are not in the output: {some(lost)}",
            (output.i,),
            {"keys": lost[:100], "total": len(lost)},
        )
    if unexpected:
        yield Finding(
            "records.unexpected",
            f"{len(unexpected)} records are in the output that the golden run does not have: {some(unexpected)}",
            (output.i,),
            {"keys": unexpected[:100], "total": len(unexpected)},
        )
    if held(claims, "records.reordered") and not lost and not unexpected:
        pairs = enumerate(zip(_first_seen(keys), _first_seen(wanted), strict=True))
        for where, key in islice(((n, have) for n, (have, want) in pairs if have != want), 1):
            yield Finding(
                "records.reordered",
                f"the output leaves the input's order at position {where}: {key!r}",
                (output.i,),
                {"position": where},
            )
    if held(claims, "records.content") and (changed := _changed(records, expected)):
        yield Finding(
            "records.content",
            f"{len(changed)} records differ from the golden run's: {some(changed)}",
            (output.i,),
            {"keys": changed[:100], "total": len(changed)},
        )


def _first_seen(keys: Column) -> Iterable[str]:
    """Each key once, in the order in which they came."""
    return keys if keys.distinct == len(keys) else dict.fromkeys(keys)


def _changed(records: Table, expected: Table) -> list[str]:
    """The keys of those records that say something else than expected; where a key is expected twice, the last counts.

    Most rows stand at the same place in both: only the others are compared, and with those only where one came twice.
    """
    rows, others, shared = records, expected, Table.of((), _WIDTH)
    if expected.columns[0].distinct == len(expected):
        rows, others, shared = records.apart(expected)
    want: dict[Any, Any] = dict(others)
    elsewhere = {key for key in rows.columns[0] if key not in want}
    if elsewhere:
        want.update(row for row in shared if row[0] in elsewhere)
    return [key for key, digest in rows if key in want and want[key] != digest]
