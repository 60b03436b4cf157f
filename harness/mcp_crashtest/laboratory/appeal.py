"""A task that is not shown behind a restart: before a server is accused, one waits and asks again.

There are servers that read their store while they answer already, and say so in words that nobody else has. A plan in
which a task was lost is played once more by a client that waits. Where the task comes back, and the server says
something else of one that there never was, it was not ready: it is asked patiently from then on. Where it does not
come back, or the server had said that there is none, it is taken at its word.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.verdict import Verdict

_TIMES = 3
_NOT_SHOWN = frozenset({"vanished", "refused"})
_OF_IT = frozenset({"task.vanished", "records.lost", "task.cancel-forgotten"})  # a cancel is heard by who is ready


class Appeals:
    """What was found of each subject of a session: whether it is asked patiently, once it has lost a task."""

    def __init__(self) -> None:
        self._patient: dict[str, bool] = {}

    async def heard(
        self, bench: Bench, play: Callable[[Bench, int], Awaitable[tuple[Outcome, History]]]
    ) -> tuple[Outcome, History]:
        """What a plan comes to; ``play`` plays it, for the first time, 0, or once more.

        In a run in which nothing is missed the server was as quick as it should be, which says nothing of the first.
        """
        digest = bench.profile.digest
        patient = bench.patient or self._patient.get(digest, False)
        first, history = await play(replace(bench, patient=patient), 0)
        taken_at_its_word = self._patient.get(digest) is False
        if patient or taken_at_its_word or not _accused(first, history):
            return first, history
        for turn in range(1, _TIMES + 1):
            outcome, its = await play(replace(bench, patient=True), turn)
            if _was_not_ready(its) and not _accused(outcome, its):
                self._patient[digest] = True
                first.folder.forget_judgement()
                return outcome, its
            outcome.folder.forget_judgement()
            if outcome.verdict is Verdict.FAIL:
                self._patient[digest] = False
                break
        return first, history


def _accused(outcome: Outcome, history: History) -> bool:
    """Whether nothing speaks against the server but that a client was not shown its task."""
    found = {finding.invariant for finding in outcome.judgement.findings}
    ends = history.of(Op.OUTPUT, types=[Type.FAIL])
    return bool(found) and found <= _OF_IT and any(end.value.get("reason") in _NOT_SHOWN for end in ends)


def _was_not_ready(history: History) -> bool:
    """Whether it was asked again for a task that was not shown, or for a job that was refused in another life."""
    asked_again = any("not_yet" in asked.value for asked in history.of(Op.POLL, types=[Type.OK]))
    return asked_again or any(refused.life > 1 for refused in history.of(Op.SUBMIT, types=[Type.FAIL]))
