"""The result beside its records: what the golden run's showed is there in every run, and no error stands in a success.

Histories of earlier versions do not hold what the golden run showed; of those nothing is asked here.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcp_crashtest.checkers.outputs import first_outputs
from mcp_crashtest.model.operation import History, Op, Operation
from mcp_crashtest.model.verdict import Finding


def check(history: History) -> Iterator[Finding]:
    """Judge what every job's first output shows beside its records."""
    golden = next(history.of(Op.EXPECT), None)
    for output in first_outputs(history):
        yield from _errors(output, golden)
        if golden is not None:
            yield from _count(output, golden)
            yield from _shape(output, golden)


def _count(output: Operation, golden: Operation) -> Iterator[Finding]:
    want = golden.value.get("count")
    if want is not None and output.value.get("count") is None:
        yield Finding(
            "records.count",
            f"the job says completed and reports no count of records; undisturbed it reports {want!s:.100}",
            (golden.i, output.i),
            {"reported": None},
        )


def missing(before: Operation, after: Operation) -> list[str]:
    """The names that one result has and another lacks; none where either is no table."""
    want, have = before.value.get("shape"), after.value.get("shape")
    return [] if want is None or have is None else [name for name in want if name not in have]


def _shape(output: Operation, golden: Operation) -> Iterator[Finding]:
    lost = missing(golden, output)
    if golden.value.get("shape") and output.value.get("shape", golden.value["shape"]) is None:
        lost = list(golden.value["shape"])
    if lost:
        yield Finding(
            "task.false-success",
            f"the task says completed, and its result does not say {', '.join(map(repr, lost))}, which the undisturbed "
            f"run's does",
            (golden.i, output.i),
            {"missing": lost},
        )


def _errors(output: Operation, golden: Operation | None) -> Iterator[Finding]:
    always = (golden.value.get("errors") if golden else None) or {}
    said = {name: text for name, text in (output.value.get("errors") or {}).items() if name not in always}
    if said:
        name, text = next(iter(said.items()))
        yield Finding(
            "error.honest",
            f"the task says completed, and an error stands in its result: {name} = {text}",
            (output.i,),
            {"errors": said},
        )
