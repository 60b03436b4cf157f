"""What a client process is told to do, and the journal in which it says what it did.

The job crosses a process boundary as JSON. The journal is a pipe to the lab: a line is written before a request is
sent, so that whatever kills the client, the lab knows what it was about to do.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mcp_crashtest.model.contract_spec import ContractKind, StatusSpec
from mcp_crashtest.model.observe_spec import LedgerSpec, ObserveSpec, RecordsSpec, Unit, of_size
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.secrets import keep_secret, kept

JOB_VARIABLE = "CRASHTEST_JOB"
_HEADERS, _SECRETS = "headers", "secrets"
_REPEAT_S = 0.25
_OF_A_REQUEST = frozenset({Op.SUBMIT, Op.STREAM, Op.PROGRESS, Op.STATUS, Op.UNSEEN, Op.OUTPUT, Op.POLL})


@dataclass(frozen=True, slots=True)
class Job:
    """One client's work: drive ``tool`` at ``url`` until its output is known, or ``deadline_s`` is over.

    ``handle`` is the task that an earlier life of this client had; None to submit the job anew. ``status`` is the call
    that asks how it stands. ``away_s``: how long it stays away when it loses its connections.
    ``values`` stand for the placeholders of what is observed; a server may say for ``ready_deadline_s`` that it is not
    ready yet. ``headers`` go with each request. Tables of records are left in ``folder``. ``piped``: the server is
    spoken to over its standard streams, which the lab hands to the client. ``notes`` is the path of a small file for
    the latest question, or empty. ``marked``: the answer to its submission can be told from all others by whoever sees
    the server send it. ``waits``: for ``busy_s`` a server may refuse it, because of another that it has not done with.
    That may be this one too, where it was submitted before and nobody has heard the answer. ``patient``: a task that is
    not shown may be one that the server has not read yet.

    Whoever may see a process may see its environment: the headers, and the secrets of which it may say nothing, go
    another way.
    """

    url: str
    protocol: str
    kind: ContractKind
    tool: str
    arguments: Mapping[str, Any]
    observe: ObserveSpec
    records: int
    deadline_s: float
    handle: str | None = None
    status: StatusSpec | None = None
    away_s: float = 0.0
    values: Mapping[str, Any] = field(default_factory=dict)
    ready_deadline_s: float = 30.0
    headers: Mapping[str, str] = field(default_factory=dict)
    folder: str = "."
    piped: bool = False
    notes: str = ""
    marked: bool = False
    busy_s: float = 0.0
    waits: bool = False
    patient: bool = False

    @property
    def batch(self) -> int:
        """How many records make a batch; 1 where nobody has said."""
        return int(self.values.get("batch_size", 1))

    def sized(self, records: int, batch: int) -> Job:
        """A job like this one, of another size."""
        return replace(self, records=records, observe=of_size(self.observe, records, batch))

    def to_text(self) -> str:
        """Encode as JSON what anybody may see."""
        return json.dumps({name: value for name, value in asdict(self).items() if name != _HEADERS})

    def private_text(self) -> str:
        """Encode as JSON what nobody else may see."""
        return json.dumps({_HEADERS: dict(self.headers), _SECRETS: kept()})

    @classmethod
    def from_text(cls, text: str, private: str = "{}") -> Job:
        """Decode what ``to_text`` and ``private_text`` wrote; this process knows the secrets from then on."""
        data = {**json.loads(text), **json.loads(private)}
        for secret in data.pop(_SECRETS, ()):
            keep_secret(secret)
        observe = data.pop("observe")
        records = observe.pop("records")
        observe["unit"] = Unit(observe["unit"]) if observe["unit"] else None
        observe["words"] = {meaning: tuple(words) for meaning, words in observe["words"].items()}
        observe["ledger"] = LedgerSpec(**observe["ledger"]) if observe["ledger"] else None
        data["observe"] = ObserveSpec(**observe, records=RecordsSpec(**records) if records else None)
        data["status"] = StatusSpec(**data["status"]) if data["status"] else None
        return cls(**{**data, "kind": ContractKind(data["kind"])})


@dataclass(slots=True)
class Journal:
    """The client's side of the pipe. Status is written when it changes, and now and then while it does not.

    ``written`` counts its lines.
    """

    descriptor: int
    task: str | None = None
    written: int = 0
    _about: Mapping[str, Any] = field(default_factory=dict)
    _last: dict[Op, Mapping[str, Any]] = field(default_factory=dict)
    _repeat_at: dict[Op, float] = field(default_factory=dict)

    def write(self, type_: Type, op: Op, **value: Any) -> None:
        """Write one event, whole, before returning."""
        told = {**value, **self._about} if op in _OF_A_REQUEST else value
        line = json.dumps({"type": type_, "op": op, "task": self.task, "value": told}).encode() + b"\n"
        self.written += 1
        while line:
            line = line[os.write(self.descriptor, line) :]

    @contextmanager
    def about(self, request: Mapping[str, Any]) -> Iterator[None]:
        """What is written within belongs to this request, and says so, if it is what a request can show."""
        before, self._about = self._about, request
        try:
            yield
        finally:
            self._about = before

    def once(self, op: Op, **value: Any) -> bool:
        """Write an ``ok`` event if it says something new; whether it did."""
        new = self._last.get(op) != value
        if new:
            self._last[op] = value
            self.write(Type.OK, op, **value)
        return new

    def repeating(self, op: Op, **value: Any) -> bool:
        """Write an ``ok`` event when it says something new, or has not been said for a while; whether it is new."""
        new = self._last.get(op) != value
        if new or time.monotonic() > self._repeat_at.get(op, math.inf):
            self._last[op] = value
            self._repeat_at[op] = time.monotonic() + _REPEAT_S
            self.write(Type.OK, op, **value)
        return new
