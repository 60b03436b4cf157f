"""The history: an append-only log of everything that was done in one run, and its JSONL codec.

The model is Jepsen's: an operation is an ``invoke`` event, followed by ``ok`` (it happened), ``fail`` (it certainly
did not happen) or ``info`` (nobody knows). Events that only report something seen, such as a progress notification,
stand alone as ``ok`` or ``info``. The first line of a file is the header, which holds everything about the run that
is not an event; together they are all that a checker may read.

This file does not write to disk and does not judge.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mcp_crashtest.model.errors import UsageError

HISTORY_FORMAT = 1


class Type(StrEnum):
    """What an event says about its operation."""

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class Op(StrEnum):
    """The operations of a run."""

    BOOT = "boot"  # lab: the subject was started; value: pid, warm, url
    READY = "ready"  # lab: the subject answered for the first time in this boot; value: elapsed_s
    EXIT = "exit"  # lab: the subject ended without being asked to
    EXPECT = "expect"  # lab: what the golden run produced; value: records
    FAULT = "fault"  # nemesis: value: the fault; ok only with proof that it landed
    CLIENT = "client"  # lab: a client process was started
    STATE = "state"  # lab: the state file of a dead client; ok: found, handles; fail: it cannot be read
    CONNECT = "connect"  # client
    SUBMIT = "submit"  # client: ask for the job; ok: acknowledged with a handle, or with the whole result
    PROGRESS = "progress"  # client: value: done (records), total (records)
    STATUS = "status"  # client: value: status, done; fail: the handle did not resolve
    OUTPUT = "output"  # client or lab: the final output; value: count, records ([key, digest] pairs)
    CANCEL = "cancel"  # client
    LISTING = "listing"  # client
    EFFECTS = "effects"  # ledger: value: executions ([task, record, times] triples)
    END = "end"  # lab: the run is over; value: reason


@dataclass(frozen=True, slots=True)
class Operation:
    """One event. ``t`` is seconds since the run began, monotonic; ``boot`` counts the subject's lives from 1."""

    i: int
    t: float
    process: str
    type: Type
    op: Op
    task: str | None = None
    boot: int = 0
    value: Mapping[str, Any] = field(default_factory=dict)

    def to_line(self) -> str:
        """Encode as one line of JSON, without the newline."""
        return json.dumps(
            {
                "i": self.i,
                "t": self.t,
                "process": self.process,
                "type": self.type,
                "op": self.op,
                "task": self.task,
                "boot": self.boot,
                "value": self.value,
            },
            ensure_ascii=True,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Operation:
        """Decode one event; raises KeyError, ValueError, TypeError or OverflowError on anything else."""
        if not isinstance(data["task"], str | None):
            raise TypeError(f"a task is a name or null, not {data['task']!r}")
        return cls(
            i=int(data["i"]),
            t=float(data["t"]),
            process=str(data["process"]),
            type=Type(data["type"]),
            op=Op(data["op"]),
            task=data["task"],
            boot=int(data["boot"]),
            value=dict(data["value"]),
        )


@dataclass(frozen=True, slots=True)
class Header:
    """What is known before the first event.

    ``plan`` is the plan's JSON, ``claims`` and ``workload`` the profile's tables, ``subject`` the identity of the
    subject: command or URL, serverInfo, protocol revision.
    """

    seed: int
    scenario: str
    plan: Mapping[str, Any]
    profile: str
    profile_digest: str
    contract: str
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
        """Decode the header; raises UsageError for a format that this version does not know."""
        if not isinstance(data, Mapping):
            raise TypeError(f"a header is a JSON object, not {data!r}")
        if data.get("format") != HISTORY_FORMAT:
            raise UsageError(
                f"this history has format {data.get('format')!r}, this version of mcp-crashtest reads format "
                f"{HISTORY_FORMAT}: recheck it with the version that wrote it"
            )
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
    def from_lines(cls, lines: Iterable[str]) -> History:
        """Decode; raises UsageError that names the line which cannot be read."""
        header: Header | None = None
        operations: list[Operation] = []
        for number, line in enumerate(lines, start=1):
            try:
                data = json.loads(line)
                if header is None:
                    header = Header.from_json(data)
                else:
                    operations.append(Operation.from_json(data))
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
                raise UsageError(
                    f"line {number} of this history cannot be read ({error!r}): the file is torn or not a history"
                ) from error
        if header is None:
            raise UsageError("this history is empty: not even its header was written")
        return cls(header, operations)


def name_of(handle: str) -> str:
    """A task's own name: the last part of its resource, or the id itself."""
    return handle.rstrip("/").rsplit("/", 1)[-1]
