"""What is worth a remark beside the verdict: dishonest answers to what was wrong on purpose, and strange messages.

They are no reason to fail a subject by themselves. Where they break a job the other checkers say so.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.verdict import Finding

_MOST = 20
_SHOWN = 3
_TO_STANDARD_ERROR = (
    "Over stdio standard output carries messages alone: print and log to standard error (in Python: print(..., "
    "file=sys.stderr); in Node: console.error). Hosts that are stricter than most end the connection there."
)


def remarks(history: History) -> Iterator[Finding]:
    """Each kind of them once."""
    seen: set[str] = set()
    for finding in (*_mistakes(history), *_wire(history)):
        if finding.message not in seen and len(seen) < _MOST:
            seen.add(finding.message)
            yield finding


def _mistakes(history: History) -> Iterator[Finding]:
    for answer in history.of(Op.MISTAKE, types=[Type.OK, Type.INFO]):
        asked = str(answer.value.get("asked"))
        if answer.type is Type.OK:
            said = f"{asked} was answered as if it were right: {answer.value.get('answer')}"
        else:
            said = f"{asked} was not answered within {answer.value.get('waited_s', 0):g} s"
        yield Finding("error.honest", said, (answer.i,), {"asked": asked})


def _wire(history: History) -> Iterator[Finding]:
    """What no message should say; and the lines on standard output that are none, all of them in one remark."""
    strays = [strange for strange in history.of(Op.WIRE) if "stray" in strange.value]
    if strays:
        texts = list(dict.fromkeys(str(stray.value["stray"]) for stray in strays))
        yield Finding(
            "wire.invalid",
            f"{len(strays)} lines on standard output are no messages: {'; '.join(map(repr, texts[:_SHOWN]))}",
            tuple(stray.i for stray in strays[:_MOST]),
            {"lines": len(strays), "texts": texts[:_SHOWN]},
            _TO_STANDARD_ERROR,
        )
    for strange in history.of(Op.WIRE):
        if strange.value.get("blame") == "subject" and "stray" not in strange.value:
            yield Finding("wire.invalid", str(strange.value.get("what")), (strange.i,))
