"""A task that asks its client for something asks as often as undisturbed: each answer that was acknowledged is kept.

What was answered and not acknowledged may be asked for again, and may count all the same. So may what was answered
twice in one life before the task was seen to go on: it takes its time.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.offers import ASKS
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.verdict import Finding

_WHOSE = "Keep with an answer whose it is, and read it back by that: what one job was told is news to no other one."


def answers(history: History) -> list[Operation]:
    """The answers that were acknowledged, the first of each question."""
    found: list[Operation] = []
    moved = before = True  # since the last answer was sent, and up to this one
    for event in history.of(Op.ANSWER, Op.STATUS):
        if event.op is Op.STATUS:
            moved |= event.type is Type.OK and event.value.get("status") != ASKS
        elif event.type is Type.INVOKE:  # a look that comes before the acknowledgement may show what it has done
            before, moved = moved, False
        elif event.type is Type.OK and (before or event.life > found[-1].life):
            found.append(event)
        else:
            moved |= before
    return found


def _under_way(history: History) -> int:
    """The answers of which nobody has heard what became of them: the job was over, and the run with it."""
    sent = sum(1 for _ in history.of(Op.ANSWER, types=[Type.INVOKE]))
    return max(sent - sum(1 for _ in history.of(Op.ANSWER, types=[Type.OK, Type.FAIL, Type.INFO])), 0)


def check(history: History) -> Iterator[Finding]:
    """Count the answers, and compare with the undisturbed run."""
    expected = [o.value.get("asks", 0) for o in history.of(Op.EXPECT)]
    often = expected[-1] if expected else 0
    if not often:
        return
    given = answers(history)
    maybe = len(given) + sum(1 for _ in history.of(Op.ANSWER, types=[Type.INFO])) + _under_way(history)
    asked = [o for o in history.of(Op.STATUS, types=[Type.OK]) if o.value.get("status") == ASKS]
    done = next(history.of(Op.OUTPUT, types=[Type.OK]), None)
    if len(given) > often:
        kept, again = given[often - 1], given[often]
        yield Finding(
            "task.input-forgotten",
            f"{kept.task} was given what it asked for in life {kept.life}, which was acknowledged, and in life "
            f"{again.life} it asks again",
            (kept.i, again.i),
            {"asked": len(given), "undisturbed": often},
        )
    elif asked and done is not None and maybe < often:
        yield Finding(
            "task.input-forgotten",
            f"{asked[-1].task} waited for an answer in life {asked[-1].life}, and in life {done.life} it has come to "
            f"its output without one",
            (asked[-1].i, done.i),
            {"answered": maybe, "undisturbed": often},
        )
    elif done is not None and not maybe and _is_beside(history):
        yield Finding(
            "task.input-forgotten",
            f"{done.task} asks for something where nobody is killed, and in life {done.life} it has come to its output "
            f"unasked: there was another job, which was given what it asked for",
            (done.i,),
            {"answered": maybe, "undisturbed": often},
            _WHOSE,
        )


def _is_beside(history: History) -> bool:
    """Whether another job like it was under way with it, so that an answer may be taken for that of both."""
    return history.header.plan.get("companion") == Companion.JOB_BESIDE
