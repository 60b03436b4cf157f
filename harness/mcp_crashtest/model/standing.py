"""What was not tried on a subject, and why: in the same words wherever it is said.

A ``Standing`` is one of four words, a ``Reason`` a standing with its sentence. Sentences that depend on a subject alone
stand here; a scenario that finds out by itself that it makes no sense says so with a sentence of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """Why something was not tried."""

    NOT_OFFERED = "not offered"
    NOT_APPLICABLE = "not applicable"
    NOT_ASSESSED = "not assessed"
    NOT_CLAIMED = "not claimed"


MEANINGS = {
    Standing.NOT_OFFERED: "the subject has nothing of the kind",
    Standing.NOT_APPLICABLE: "it makes no sense for this subject",
    Standing.NOT_ASSESSED: "it could be there, and nobody has seen it",
    Standing.NOT_CLAIMED: "the subject does not promise it",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was not tried: its standing, and a sentence without it."""

    standing: Standing
    text: str

    def __str__(self) -> str:
        """As it is said: ``not assessed: ...``."""
        return f"{self.standing}: {self.text}"


BLOCKING = Reason(Standing.NOT_APPLICABLE, "a call that comes back with the output has no task to ask about")
NO_STREAM = Reason(Standing.NOT_APPLICABLE, "no stream is joined again with this contract")
IS_CLIENT = Reason(Standing.NOT_APPLICABLE, "the subject is a client")
IS_SERVER = Reason(Standing.NOT_APPLICABLE, "the subject is a server")
ASKS_NOTHING = Reason(Standing.NOT_OFFERED, "its tasks ask for nothing: [contract] answer is not said")
UNCLAIMED = Reason(Standing.NOT_CLAIMED, "see [claims]")
UNJUDGED = Reason(Standing.NOT_ASSESSED, "this version does not judge it")
ONLY_LINES = Reason(
    Standing.NOT_ASSESSED,
    "but that each line on standard output is a message: this version does not judge what is in it",
)
ONE_USER = Reason(Standing.NOT_APPLICABLE, "over stdio whoever starts the server is its only user")
NO_PRINCIPALS = Reason(Standing.NOT_ASSESSED, "there is nobody else to ask: name two or more [[principals]]")
NO_RECORDS = Reason(
    Standing.NOT_ASSESSED,
    "nobody sees the records of its output: say where they are with [observe] records (a file, a resource or a list in "
    "the result, and the key of a record)",
)
NO_LEDGER = Reason(
    Standing.NOT_ASSESSED,
    "nothing is told of {ledger}; name it in [subject] command or environment, and have the server append a line to "
    "that file for each record it processes",
)

ONE_SIZE = Reason(
    Standing.NOT_APPLICABLE,
    "the job always has the same size: nothing in [contract] arguments says {total_records}",
)

NO_SHORT_JOB = Reason(
    Standing.NOT_ASSESSED,
    "jobs of a single batch: such a job is over before its owner's kill command has been run",
)

EACH_CALL_A_JOB = Reason(
    Standing.NOT_OFFERED,
    "the same call made once more, behind the end, is another job: an idempotency key is not promised",
)


def unsaid(*keys: str) -> Reason:
    """Nobody has said how this is asked for, by these keys of ``[contract]``."""
    return Reason(
        Standing.NOT_ASSESSED,
        "nobody has said how they are asked for; where the server has them, say [contract] "
        f"{' | '.join(keys)} = {{ tool, arguments }}",
    )


NOTHING_ASKED = Reason(
    Standing.NOT_APPLICABLE,
    f"nothing can be asked of a task beside its result: {unsaid('cancel', 'pause', 'resume', 'list').text}",
)
