"""Exit codes, decided here and nowhere else. A violation is never masked by anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from mcp_crashtest.model.errors import CrashtestError, HarnessError, SubjectError, UsageError
from mcp_crashtest.model.verdict import Verdict


class ExitCode(IntEnum):
    """What a command came to."""

    CERTIFIED = 0
    VIOLATED = 1
    USAGE = 2
    NO_SUBJECT = 3
    NOT_PROVEN = 4
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS = {
    ExitCode.CERTIFIED: "certified, at the level asked for; with --baseline, but for what that expects",
    ExitCode.VIOLATED: "an invariant is broken; with --baseline one that it does not expect, or it is stale",
    ExitCode.USAGE: "a bad option, profile or file, or a level that this profile can never earn",
    ExitCode.NO_SUBJECT: "the server could not be started or reached, or cannot do its job even undisturbed",
    ExitCode.NOT_PROVEN: "not proven: a fault did not land, the lab failed, or the level asked for was not earned",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C); nothing is left running",
    ExitCode.TERMINATED: "terminated (SIGTERM); nothing is left running",
}

_ERRORS: dict[type[CrashtestError], ExitCode] = {
    UsageError: ExitCode.USAGE,
    SubjectError: ExitCode.NO_SUBJECT,
    HarnessError: ExitCode.NOT_PROVEN,
}
# The kinds of errors that end a scenario, the gravest first.
_KINDS = (("harness", ExitCode.NOT_PROVEN), ("usage", ExitCode.USAGE), ("subject", ExitCode.NO_SUBJECT))
_VERDICTS = {
    Verdict.PASS: ExitCode.CERTIFIED,
    Verdict.SKIP: ExitCode.CERTIFIED,
    Verdict.INVALID: ExitCode.NOT_PROVEN,
    Verdict.FAIL: ExitCode.VIOLATED,
}


def of_error(error: CrashtestError) -> ExitCode:
    """The code of a command that an error has ended."""
    return _ERRORS.get(type(error), ExitCode.NOT_PROVEN)


def of_verdict(verdict: Verdict) -> ExitCode:
    """The code of runs that came to this verdict."""
    return _VERDICTS[verdict]


def of_session(certificate: Mapping[str, Any], errors: Sequence[str]) -> ExitCode:
    """The code of a session; ``errors`` are the kinds of those that ended a scenario: usage, subject, harness."""
    compared = certificate.get("baseline")
    if compared and (compared["unexpected"] or compared["stale"]):
        return ExitCode.VIOLATED
    judged = compared["otherwise"] if compared else certificate  # what is expected is no news
    verdict = Verdict[judged["verdict"]]
    if verdict is Verdict.FAIL:
        return ExitCode.VIOLATED
    for kind, code in _KINDS:
        if kind in errors:
            return code
    if certificate.get("shard"):  # what it leaves unproven, the merge weighs
        return ExitCode.CERTIFIED
    if any(one["earned"] < one["asked"] for one in judged["stars"]):
        return ExitCode.NOT_PROVEN
    return of_verdict(verdict)


def explained() -> str:
    """The codes and what they mean, for ``--help``."""
    return "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())
