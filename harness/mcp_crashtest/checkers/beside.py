"""Two servers on one store: who refuses says so, and who claims to share, or to take over, does.

What both of them make of the job is judged where its output, its progress and its effects are.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcp_crashtest.model.faults import REPLACE
from mcp_crashtest.model.operation import History, Op, Operation
from mcp_crashtest.model.verdict import Finding

_REFUSED, _WAITS, _CLEAN = "refused", "waits", "exit code 0"
_CODE = "exit code "
_SAY_WHY = "Where another server has the store, say so on standard error and end with an exit code that is not 0."
_SHARE = "Let several servers open the store; or claim shared_store = false, and let the second one refuse."
_TAKE_OVER = "Give each claim of a job a time after which it is another server's; or claim another lease_s, or none."


def check(history: History) -> Iterator[Finding]:
    """Judge what became of a second server."""
    for seen in history.of(Op.BESIDE):
        if seen.value["what"] == _REFUSED:
            yield from _refusal(history, seen)
        elif seen.value["what"] == _WAITS:
            yield from _wait(history, seen)


def _refusal(history: History, seen: Operation) -> Iterator[Finding]:
    how, words = str(seen.value["how"]), str(seen.value.get("last_words", "")).strip()
    if history.header.claims.get("shared_store"):
        yield Finding(
            "recovery.loop",
            f"a second server on the store ended with {how}; the claim is shared_store = true",
            (seen.i,),
            dict(seen.value),
            _SHARE,
        )
    elif how == _CLEAN or not how.startswith(_CODE) or not words:
        silent = "" if words else ", and said nothing"
        yield Finding(
            "error.honest",
            f"a second server on the store ended with {how}{silent}: nobody learns from that why",
            (seen.i,),
            dict(seen.value),
            _SAY_WHY,
        )


def _wait(history: History, seen: Operation) -> Iterator[Finding]:
    """Nothing was done while the first one stood still, for longer than the lease that is claimed."""
    lease_s = history.header.claims.get("lease_s")
    waited_s = float(seen.value["elapsed_s"])
    frozen = any(fault.value["kind"] == REPLACE for fault in history.of(Op.FAULT))
    if lease_s is not None and frozen and waited_s > lease_s:
        yield Finding(
            "recovery.deadline",
            f"a second server on the store has done nothing for {waited_s:.1f} s, while the first one stood still; the "
            f"claim is lease_s = {lease_s:g}",
            (seen.i,),
            {"waited_s": waited_s, "lease_s": lease_s},
            _TAKE_OVER,
        )
