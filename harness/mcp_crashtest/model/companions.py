"""Who comes beside the client once the server is back: a second client, with a job of its own or with the same one.

Whether that makes sense for a subject is found in its profile; why not is a sentence for its user. What the second
client does and sees stands in the history under a name of its own. Pure; starting it is another room's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from mcp_crashtest.model.observe_spec import RecordsSpec
from mcp_crashtest.model.operation import History, Op, Operation, Type, name_of
from mcp_crashtest.model.paths import placeholders
from mcp_crashtest.model.profile import SITE_NAMES, Profile, Semantics

SECOND = "second"
"""How the names of the second client's processes begin."""

MEMBERS, FEWEST_OTHERS = 7, 4
"""How many jobs a crowd has beside the first, and how many of them have to have been taken for it to be one."""

CLIENTS = 3
"""Whose the jobs of a crowd are, by turns: each has a size of job, and is a principal where there are any."""

THIRD = f"{SECOND}-third"
"""In whose name it is said what a job of the third client's size comes to."""

AGAIN = "client-again"
"""The first client's name where it reads its output once more, behind the end of a second job."""

OWN = frozenset({"client_id", "run_id"})
"""The placeholders that tell one job from another."""

_PATH = re.compile(r"[^{}]*(/|\.[A-Za-z]{1,6}$)[^{}]*")
_SITE = frozenset({"state_dir", "here"})


class Companion(StrEnum):
    """What the second client wants, and when it comes: behind the last fault of a plan, where nothing else is said."""

    ANOTHER_JOB = "another-job"  # at once, while the first goes on
    ANOTHER_JOB_LATER = "another-job-later"  # once the first has ended
    JOB_BESIDE = "job-beside"  # as soon as the first has its handle: both are under way when the server dies
    SAME_JOB = "same-job"  # it has the same handle, or makes the same call
    CROWD = "crowd"  # many others, of three clients in all, from the beginning of the first one's on
    SAME_CALL = "same-call"  # it submits the job once more as the first did; with no fault behind the first's end

    @property
    def has_own_job(self) -> bool:
        """Whether its job is another one than the first client's."""
        return self in (Companion.ANOTHER_JOB, Companion.ANOTHER_JOB_LATER, Companion.JOB_BESIDE, Companion.CROWD)

    @property
    def told(self) -> str:
        """As a person says it."""
        return _TOLD[self]


class Told(StrEnum):
    """What tells a second job from the first."""

    SIZE = "size"  # the call says how many records there are
    KEY = "key"  # the call says whose it is


_TOLD = {
    Companion.ANOTHER_JOB: "a second job beside it in the new life",
    Companion.ANOTHER_JOB_LATER: "a second job behind it in the new life",
    Companion.JOB_BESIDE: "a second job beside it from its beginning",
    Companion.CROWD: "many jobs beside it",
    Companion.SAME_JOB: "two clients back at once",
    Companion.SAME_CALL: "the same call made once more",
}


def is_of_second(operation: Operation) -> bool:
    """Whether an event is the second client's."""
    return operation.process.startswith(SECOND)


def member_of(operation: Operation) -> int | None:
    """Which one of a crowd's clients an event is of, from 1; None for any other event."""
    _, dash, rest = operation.process.partition(f"{SECOND}-")
    number = rest.partition("-")[0]
    return int(number) if dash and number.isdigit() else None


def size_of(plan: Mapping[str, Any], number: int) -> Mapping[str, Any] | None:
    """The size of the job with this number in a crowd, from 0; None for that of the first.

    A plan of an earlier version has two sizes, by turns.
    """
    second, third = plan.get("second"), plan.get("third")
    if third is None:
        return second if number % 2 else None
    return (None, second, third)[number % CLIENTS]


def expected_by(plan: Mapping[str, Any], number: int) -> str:
    """In whose name stands what this job comes to."""
    size = size_of(plan, number)
    return "lab" if size is None else THIRD if size == plan.get("third") else SECOND


def is_refusal(output: Operation) -> bool:
    """Whether a job's end is that the server did not take it."""
    return output.type is Type.FAIL and output.value.get("reason") == "refused"


def why_alone(profile: Profile, companion: Companion) -> str | None:
    """Why there can be no such second client; None where there can."""
    if profile.client is not None:
        return "the subject is a client, and has the server to itself"
    if companion is Companion.CROWD and not keyed(profile):
        return "nothing tells many jobs from each other: put {client_id} among the arguments"
    if companion is Companion.SAME_CALL and (why := _why_one_call(profile)):
        return why
    return _why_one_job(profile) if companion.has_own_job else _why_one_client(profile)


def other_task(history: History) -> Operation | None:
    """The answer that names another task than the first client's, where the second has made the same call."""
    given = list(history.of(Op.SUBMIT, types=[Type.OK]))
    first = {name_of(o.task) for o in given if o.task and not is_of_second(o)}
    return next((o for o in given if o.task and is_of_second(o) and name_of(o.task) not in first), None)


def answered_alike(history: History) -> bool:
    """Whether the second client has made the same call, and was given the first one's task."""
    return other_task(history) is None and any(is_of_second(o) for o in history.of(Op.SUBMIT, types=[Type.OK]))


def turned_away(history: History) -> str | None:
    """What a second job was refused with; None where it was taken."""
    ends = [o for o in history.of(Op.OUTPUT) if is_of_second(o)]
    return str(ends[-1].value.get("error")) if ends and is_refusal(ends[-1]) else None


def varies(profile: Profile) -> bool:
    """Whether a job may have another number of records than the profile's: the call alone says how many."""
    return "total_records" in placeholders(profile.contract.arguments) and profile.workload.input_file is None


def keyed(profile: Profile) -> bool:
    """Whether the call says whose job it is: then two jobs of one size are two."""
    return bool(OWN & set(_roots(profile.contract.arguments)))


def told_by(profile: Profile) -> frozenset[Told]:
    """By what a second job is told from the first: nothing where there can be none."""
    told = {Told.SIZE: varies(profile), Told.KEY: keyed(profile)}
    return frozenset(what for what, does in told.items() if does)


def _why_one_job(profile: Profile) -> str | None:
    contract, records = profile.contract, profile.observe.records
    if contract.kind.blocking:
        return "a second job beside the first is for jobs that go on in the background, and this one is a single call"
    if records and (places := list(records.sources.values())) and not _is_told_by(records):
        return f"the records of all jobs lie in one place, {places[0]}: nobody could tell a second job's from them"
    for name, value in contract.arguments.items():
        if any(_is_one_place(text, profile.workload.input_file) for text in _texts(value)):
            return f"the argument {name} = {value!r} may be one place for all jobs: a second job would write there too"
    if not told_by(profile):
        return "nothing tells a second job from the first: put {client_id} among the arguments"
    return None


def _is_told_by(records: RecordsSpec) -> bool:
    """Whether where the records are depends on whose job it is, by its key or by what the server said of it."""
    where = (*records.sources.values(), records.query, records.arguments)
    return bool(set(_roots(where)) - (SITE_NAMES - OWN))


def _roots(template: Any) -> Iterator[str]:
    return (name.partition(".")[0] for name in placeholders(template))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def _is_one_place(value: str, input_file: str | None) -> bool:
    """Whether a text looks like a path that is the same for all jobs, and not that of their input."""
    if input_file is not None and input_file.endswith(value):
        return False
    told = set(_roots(value))
    return not OWN & told and (bool(told & _SITE) or _PATH.fullmatch(value) is not None)


_NO_KEY = (
    "nothing tells the server that two calls are for one job: where its tool takes a name or key of the job, put "
    "{client_id} there in [contract] arguments, which is the same in all calls for one job and another in each run"
)


def _why_one_call(profile: Profile) -> str | None:
    if profile.contract.kind.blocking:
        return "a call that comes back with the output is made again by every client"
    if not keyed(profile):
        return _NO_KEY
    return None


def _why_one_client(profile: Profile) -> str | None:
    if profile.subject.piped:
        return "over stdio a server has one client, which has started it"
    if not profile.contract.kind.blocking:
        return None
    if not keyed(profile):
        return _NO_KEY
    if profile.claims.semantics is not Semantics.EXACTLY_ONCE or not profile.claims.resumes:
        return "two calls at once may each do the job where it does not resume exactly once"
    return None
