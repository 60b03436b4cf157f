"""The history: an append-only log of everything that was done in one run, and its JSONL codec.

The model is Jepsen's: an operation is an ``invoke`` event, followed by ``ok`` (it happened), ``fail`` (it certainly
did not happen) or ``info`` (nobody knows). Events that only report something seen, such as a progress notification,
stand alone as ``ok`` or ``info``. The first line of a file is the header, which holds everything about the run that
is not an event; together with the tables that events refer to they are all that a checker may read.

This file does not write to disk and does not judge.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mcp_crashtest.model import format_1
from mcp_crashtest.model.columns import Table, referred
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import UsageError

HISTORY_FORMAT = 2

Load = Callable[[str], Table]
"""Gives the table with this digest."""


class Type(StrEnum):
    """What an event says about its operation."""

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class Op(StrEnum):
    """The operations of a run."""

    BOOT = "boot"  # lab: the subject was started; value: pid, warm, url
    READY = "ready"  # lab: the subject answered for the first time in this life; value: elapsed_s, to (whom)
    EXIT = "exit"  # lab: the subject ended without being asked to; value: how, last_words
    # lab: a life was reaped, however it ended; value: of (server, client, service), name, how; signalled_at, reaped_at,
    # memory_bytes, written_bytes, where anybody could tell
    DEATH = "death"
    SERVICE = "service"  # lab: a service was started, and is ready; value: name, started_at, ready_at
    RELAY = "relay"  # lab: what became of a tested client's connections; value: what (open, shut, cut, held), ...
    # client: a question that changed nothing, the last before a fault or one of the first behind it; value: request,
    # asked_at, answered_at; info: its answer never came
    POLL = "poll"
    EXPECT = "expect"  # lab: what the golden run produced; value: records, count, shape, errors, step_s
    FAULT = "fault"  # nemesis: value: the fault; ok only with proof that it landed
    OUTAGE = "outage"  # lab or client: what a service's death had for a consequence (info); value: what, error or how
    AWAY = "away"  # lab: the server was dead for away_s; value: grew, the files that changed meanwhile
    # lab: of two servers on one store; value: what (took over, refused, waits, stopped), life, how, last_words
    BESIDE = "beside"
    CLIENT = "client"  # lab: a client process was started
    STATE = "state"  # lab: the state file of a dead client; ok: found, handles; fail: it cannot be read
    CONNECT = "connect"  # client
    SUBMIT = "submit"  # client: ask for the job (value: job, its key); ok: acknowledged with a handle, or whole result
    # client: a call's stream. ok: an event, value: event (its id), part, at (progress); invoke: joined again, value:
    # behind (an event's id); fail: it cannot be
    STREAM = "stream"
    PROGRESS = "progress"  # client: value: done (records), total (records)
    # client: so many records (done) are shown of a call that is under way, or is about to be made again; asked_at
    SHOWN = "shown"
    # client: value: status; word, id, created_at, ttl_ms where told; info: a word that nobody knows; fail: no such task
    STATUS = "status"
    UNSEEN = "unseen"  # client: paths of the profile that have found nothing yet; value: what, paths, document
    OUTPUT = "output"  # client or lab: the final output; value: count, records (a table of key, digest), shape, errors
    # Operations: by an operator, beside the client. Where there are several principals each event says whose it is.
    CANCEL = "cancel"  # of a task; ok: acknowledged; value: executions by then; advisory: it promises nothing (status)
    PAUSE = "pause"  # the same
    RESUME = "resume"  # the same; invoke ends what a pause has promised
    ANSWER = "answer"  # a task is given what it asks for; ok: acknowledged
    LISTING = "listing"  # value: tasks ([handle, status] each, in our words), complete (every page was read)
    STATS = "stats"  # value: counts (a number for each status in our words, and total)
    WORKED = "worked"  # lab: a look at ledger and task; value: executions (a number); status, done (records)
    POISON = "poison"  # a job that cannot be done; value: tool; said, refused, error; info: nobody knows
    MISTAKE = "mistake"  # client: something wrong on purpose; value: asked; ok: answer; fail: error; info: waited_s
    # lab or client: what its revision does not allow; value: what, or stray (a line that is no message), blame
    WIRE = "wire"
    EFFECTS = "effects"  # ledger: value: executions (a table of task, record, times), stretches (of work again)
    END = "end"  # lab: the run is over; value: reason, silent_s (starved_s of it for want of a processor), ...


@dataclass(frozen=True, slots=True)
class Operation:
    """One event. ``t`` is seconds since the run began, monotonic; ``life`` counts the server's lives from 1."""

    i: int
    t: float
    process: str
    type: Type
    op: Op
    task: str | None = None
    life: int = 0
    value: Mapping[str, Any] = field(default_factory=dict)

    def to_line(self) -> str:
        """Encode as one line of JSON, without the newline; a table by its reference."""
        return json.dumps(
            {
                "i": self.i,
                "t": self.t,
                "process": self.process,
                "type": self.type,
                "op": self.op,
                "task": self.task,
                "life": self.life,
                "value": self.value,
            },
            ensure_ascii=True,
            separators=(",", ":"),
            default=_reference,
        )

    @property
    def tables(self) -> Iterator[Table]:
        """The tables among its values."""
        return (value for value in self.value.values() if isinstance(value, Table))

    @classmethod
    def from_json(cls, data: Mapping[str, Any], load: Load | None = None) -> Operation:
        """Decode one event; raises KeyError, ValueError, TypeError, OverflowError or UsageError on anything else."""
        if not isinstance(data["task"], str | None):
            raise TypeError(f"a task is a name or null, not {data['task']!r}")
        return cls(
            i=int(data["i"]),
            t=float(data["t"]),
            process=str(data["process"]),
            type=Type(data["type"]),
            op=Op(data["op"]),
            task=data["task"],
            life=int(data["life"]),
            value={name: _loaded(value, load or _no_tables) for name, value in dict(data["value"]).items()},
        )


def _reference(value: object) -> Any:
    if isinstance(value, Table):
        return value.reference()
    raise TypeError(f"{value!r} is not for a history")


def _loaded(value: Any, load: Load) -> Any:
    digest = referred(value)
    return value if digest is None else load(digest)


@dataclass(frozen=True, slots=True)
class Header:
    """What is known before the first event.

    ``plan`` is the plan's JSON, ``claims`` the profile's table and ``workload`` that of the plan or else the profile,
    ``subject`` the identity of the subject: command or URL, serverInfo, protocol revision. ``blocking``: the contract
    is one call that comes back with the output.
    """

    seed: int
    scenario: str
    plan: Mapping[str, Any]
    profile: str
    profile_digest: str
    contract: str
    blocking: bool
    claims: Mapping[str, Any]
    workload: Mapping[str, Any]
    subject: Mapping[str, Any]
    format: int = HISTORY_FORMAT

    def to_line(self) -> str:
        """Encode as one line of JSON, without the newline."""
        return json.dumps(
            {name: getattr(self, name) for name in self.__slots__}, ensure_ascii=True, separators=(",", ":")
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Header:
        """Decode the header, also of format 1; raises UsageError for one that this version does not know."""
        if not isinstance(data, Mapping):
            raise TypeError(f"a header is a JSON object, not {data!r}")
        if data.get("format") not in (format_1.FORMAT, HISTORY_FORMAT):
            raise UsageError(
                f"this history has format {data.get('format')!r}, this version of mcp-crashtest reads formats "
                f"{format_1.FORMAT} and {HISTORY_FORMAT}: recheck it with the version that wrote it"
            )
        if data["format"] == format_1.FORMAT:
            data = {**data, "format": HISTORY_FORMAT, "blocking": ContractKind(data["contract"]).blocking}
        return cls(**{name: data[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class History:
    """A header and its events, in order."""

    header: Header
    operations: Sequence[Operation]

    def of(self, *ops: Op, types: Sequence[Type] = tuple(Type)) -> Iterator[Operation]:
        """All events of these operations and types, in order."""
        return (o for o in self.operations if o.op in ops and o.type in types)

    def to_lines(self) -> Iterator[str]:
        """Encode, a line an event, the header first."""
        yield self.header.to_line()
        for operation in self.operations:
            yield operation.to_line()

    @classmethod
    def from_lines(cls, lines: Iterable[str], load: Load | None = None) -> History:
        """Decode; ``load`` gives the tables. Raises UsageError that names the line which cannot be read."""
        header: Header | None = None
        operations: list[Operation] = []
        old = False
        for number, line in enumerate(lines, start=1):
            try:
                data = json.loads(line)
                if header is None:
                    header = Header.from_json(data)
                    old = data["format"] == format_1.FORMAT
                else:
                    said = format_1.operation(data) if old else data
                    operations.append(Operation.from_json(said, load))
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
                raise UsageError(
                    f"line {number} of this history cannot be read ({error!r}): the file is torn or not a history"
                ) from error
        if header is None:
            raise UsageError("this history is empty: not even its header was written")
        return cls(header, operations)


def _no_tables(digest: str) -> Table:
    raise UsageError(f"this history refers to the table {digest}, which is not beside it")


def batches_of(workload: Mapping[str, Any]) -> int:
    """How many batches a job has, as a header tells of its size: one at least, and the last may be short."""
    return max(-(-int(workload["records"]) // max(int(workload["batch"]), 1)), 1)


def name_of(handle: str) -> str:
    """A task's own name: the last part of its resource, or the id itself."""
    return handle.rstrip("/").rsplit("/", 1)[-1]
