"""What every history of a run has to tell, whatever the run came to."""

from __future__ import annotations

from pathlib import Path

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.operation import History, Op, Operation, Type


def histories(report: Path) -> list[History]:
    """Of every run of a bundle that was judged."""
    return [history for _, history, _ in Bundle(report).judged_runs()]


def kills_without_times(history: History) -> list[int]:
    """The confirmed kills that do not say, in order, when the first victim stood still, was killed, the last reaped."""
    kills = [o for o in history.of(Op.FAULT, types=[Type.OK]) if o.value["kind"] == "kill"]
    begun = {o.value["number"]: o.t for o in history.of(Op.FAULT, types=[Type.INVOKE])}
    return [o.i for o in kills if not _in_order(begun[o.value["number"]], o)]


def _in_order(begun_at: float, kill: Operation) -> bool:
    told = [kill.value.get(name, -1.0) for name in ("stopped_at", "signalled_at", "reaped_at")]
    times = [begun_at, *told, kill.t]
    return times == sorted(times)


def lives_without_an_end(history: History) -> set[int]:
    """The server's lives of which it is not told that they were reaped, and what they had used."""
    ended = {
        o.life
        for o in history.of(Op.DEATH)
        if o.value["of"] == "server" and "reaped_at" in o.value and "memory_bytes" in o.value
    }
    return {o.life for o in history.of(Op.BOOT)} - ended


def lives_that_were_never_ready(history: History) -> set[int]:
    """The server's lives in which a client came through, and that are not said to have been ready."""
    spoken = {o.life for o in history.of(Op.CONNECT, types=[Type.OK])}
    return spoken - {o.life for o in history.of(Op.READY)}


def has_stamps(history: History) -> bool:
    """Whether the ledger was seen to grow, line by line, and never to have more lines than it has."""
    [effects] = history.of(Op.EFFECTS)
    seen = effects.value["seen"]
    executed = sum(times for _, _, times in effects.value["executions"])
    counts, times = [lines for lines, _ in seen], [at for _, at in seen]
    return len(seen) > 1 and counts == sorted(counts) and times == sorted(times) and counts[-1] <= executed + 1
