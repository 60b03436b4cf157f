"""The claimed time of recovery against what was measured: from a restart to the first answer and to new progress.

Time is counted from the server's restart, or from the start of the client that was to ask, if that came later. Progress
may take one step of the undisturbed job more; of a call that blocks it is counted from the call made again. Nothing is
padded: only what the lab's own looking costs is forgiven, and the time for which the server could have run and had to
wait for a processor. A lab whose own clock was late has measured nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.verdict import Finding

SLOW = "this machine is too slow to judge"

_LOOKING_S = 0.2
"""The longest pause that the lab's client makes between two attempts."""

_SAID_S = 0.05
_CROWD = 4.0
"""So many may want each processor where the kernel does not tell who has waited for one: a server that waits for its
turn is not slow."""

_ANSWERS = frozenset({Op.CONNECT, Op.SUBMIT, Op.PROGRESS, Op.STATUS, Op.OUTPUT})


@dataclass(frozen=True, slots=True)
class Overdue:
    """Something that came later after a restart than was claimed; ``starved_s`` is left out of what was measured.

    None: nobody knows.
    """

    what: str
    restart: Operation
    came: Operation
    measured_s: float
    allowed_s: float
    starved_s: float | None

    @classmethod
    def seen(cls, what: str, restart: Operation, came: Operation, began: float, allowed_s: float) -> Overdue | None:
        """What came later than was allowed; None where it did not."""
        starved_s = came.value.get("starved_s")
        measured_s = round(came.t - began - (starved_s or 0.0), 6)
        late = measured_s > allowed_s + _LOOKING_S
        return cls(what, restart, came, measured_s, allowed_s, starved_s) if late else None

    @property
    def said(self) -> str:
        """What was measured, in words."""
        waited = self.starved_s or 0.0
        without = f" ({waited:.2f} s of waiting for a processor left out)" if waited >= _SAID_S else ""
        return f"{self.what} came {self.measured_s:.2f} s after the restart{without}"


def check(history: History) -> Iterator[Finding]:
    """Hold the first thing that was overdue against the claim, where the lab's clock was on time."""
    overdue = next(_overdue(history), None)
    if overdue is None or not on_time(history, overdue):
        return
    claimed_s = history.header.claims["recovery_deadline_s"]
    step_s = overdue.allowed_s - claimed_s
    and_a_step = f" and {step_s:.2f} s for one step of the work" if step_s else ""
    yield Finding(
        "recovery.deadline",
        f"{overdue.said}; the claim is {claimed_s:g} s{and_a_step}",
        (overdue.restart.i, overdue.came.i),
        {"measured_s": overdue.measured_s, "claimed_s": claimed_s, "step_s": round(step_s, 6)},
    )


def unproven(history: History) -> Iterator[str]:
    """What was overdue while the lab's own clock was late."""
    overdue = next(_overdue(history), None)
    if overdue is not None and not on_time(history, overdue):
        yield (
            f"{SLOW}: {overdue.said}, and the lab itself was up to {late_s(history):.2f} s late, with "
            f"{_crowd(history):.1f} processes for each processor"
        )


def on_time(history: History, overdue: Overdue) -> bool:
    """Whether the lab's heartbeat was regular enough to measure a claim by, and the processors free or waits known."""
    claimed_s = history.header.claims["recovery_deadline_s"] or 0.0
    known = overdue.starved_s is not None or _crowd(history) <= _CROWD
    return (late_s(history) or 0.0) <= max(0.25, 0.1 * claimed_s) and known


def _crowd(history: History) -> float:
    """How many wanted each processor on average; 0 where nobody has looked."""
    return float(next((end.value.get("crowd", 0.0) for end in history.of(Op.END)), 0.0))


def late_s(history: History) -> float | None:
    """By how much the lab's heartbeat was late at worst; None in histories of earlier versions."""
    return next((end.value.get("late_s") for end in history.of(Op.END)), None)


def _overdue(history: History) -> Iterator[Overdue]:
    claimed_s = history.header.claims.get("recovery_deadline_s")
    if claimed_s is None or late_s(history) is None:
        return
    step_s = next((o.value.get("step_s") for o in history.of(Op.EXPECT)), None)
    for boot in history.of(Op.BOOT):
        if any(fault.i < boot.i for fault in history.of(Op.FAULT, types=[Type.OK])):
            yield from _after(history, boot, claimed_s, step_s)


def _after(history: History, boot: Operation, claimed_s: float, step_s: float | None) -> Iterator[Overdue]:
    """What was late in a life, as far as nobody has disturbed it."""
    lived = _undisturbed(history, boot)
    answer = next((o for o in lived if _is_answer(o)), None)
    if answer is None:
        return
    began = asked_at(history, boot, answer)
    if late := Overdue.seen("the first answer", boot, answer, began, claimed_s):
        yield late
    moved = _new_progress(history, boot, lived)
    if moved is None or step_s is None:
        return
    if history.header.blocking:
        calls = (o.t for o in lived if o.op is Op.SUBMIT and o.type is Type.INVOKE and o.i < moved.i)
        began = max(calls, default=began)
    if late := Overdue.seen("new progress", boot, moved, began, claimed_s + step_s):
        yield late


def _undisturbed(history: History, boot: Operation) -> Sequence[Operation]:
    """What happened from a restart to the next fault."""
    after = [o for o in history.operations if o.i > boot.i]
    end = next((n for n, o in enumerate(after) if o.op in (Op.FAULT, Op.BOOT, Op.EXIT)), len(after))
    return after[:end]


def _is_answer(event: Operation) -> bool:
    """A refusal to speak of a task is an answer too; a connection that was dropped is none."""
    of_client = event.process.startswith("client") and event.op in _ANSWERS
    return of_client and event.type in (Type.OK, Type.FAIL)


def asked_at(history: History, boot: Operation, answer: Operation) -> float:
    """When the server was restarted, or the client was started that had this answer, if that came later."""
    clients = (o for o in history.of(Op.CLIENT) if o.i < answer.i and o.value.get("name") == answer.process)
    return max([boot.t, *(o.t for o in clients)])


def _new_progress(history: History, boot: Operation, lived: Sequence[Operation]) -> Operation | None:
    """The first report of more than was known before the restart."""
    before = max((o.value["done"] for o in history.of(Op.PROGRESS) if o.i < boot.i), default=0)
    return next((o for o in lived if o.op is Op.PROGRESS and o.value["done"] > before), None)
