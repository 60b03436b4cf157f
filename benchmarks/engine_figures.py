"""What ``benchmarks.engine`` has found as rows of the table, each with its goal, and what was measured as the cause of
a goal's being missed: the processor's time, since what waits for the disk waits in what stands beside it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.figures import Figure, Spread, at_least, at_most

SINGLE, HUNDRED, FLAT = at_least(0.85), at_least(6.0), at_most(1.1)


def figures(found: Mapping[str, Any], sizes: Sequence[int], long_records: int) -> list[Figure]:
    """``sizes``: how many records a batch has, each measured alone; ``long_records``: of the long task."""
    rows = []
    for records in sizes:
        rows += _of_commits(found[f"{records} a batch"], f"{records} record{'s' if records > 1 else ''} a batch")
    flat = f"a batch at the end of {long_records:,} records against one at the start"
    return [*rows, Figure(flat, Spread.of(found["flatness_ratios"]), goal=FLAT)]


def _of_commits(commits: Mapping[str, Any], many: str) -> list[Figure]:
    bare_us, single_us, hundred_us = (commits[f"{name}_cpu_us"] for name in ("bare", "single", "hundred"))
    bare, single, hundred = (f"{commits[f'{name}_per_s']:,}" for name in ("bare", "single", "hundred"))
    return [
        Figure(
            f"one task against bare SQLite transactions, {many}",
            Spread.of(commits["single_ratios"]),
            goal=SINGLE,
            reason=f"of the {single_us} us of CPU that a batch takes {single_us - bare_us} us are not the transaction: "
            "the chained digest of its records, the seals of its rows, the checks that the task is still this "
            "worker's, and the turn to the next batch",
            beside=f"{single} and {bare} batches a second; CPU {single_us} us and {bare_us} us a batch",
        ),
        Figure(
            f"a hundred tasks against one, {many}",
            Spread.of(commits["hundred_ratios"]),
            goal=HUNDRED,
            reason=f"one flush is shared by many batches, and what is left is CPU: {hundred_us} us a batch, which one "
            f"interpreter does {1e6 / max(hundred_us, 1):,.0f} times a second at most",
            beside=f"{hundred} and {single} batches a second; CPU {hundred_us} us and {single_us} us a batch",
        ),
    ]
