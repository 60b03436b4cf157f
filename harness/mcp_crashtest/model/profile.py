"""What is said about a subject before a run: how to start and reach it, its contract, its claims, and the workload.

Profiles are written in TOML; reading and checking the text is the work of ``mcp_crashtest.files.profiles``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from mcp_crashtest.model.contract_spec import ContractSpec
from mcp_crashtest.model.observe_spec import DEFAULT_PATHS, ObserveSpec
from mcp_crashtest.model.offers import OPERATIONS, TRESPASS, Principal
from mcp_crashtest.model.paths import placeholders
from mcp_crashtest.model.service_spec import ServiceSpec
from mcp_crashtest.model.subject_spec import LifeSpec, SubjectSpec

LIVENESS_S = 10.0
"""How long nothing may move where no time of recovery is claimed."""
_PLACES = ("python", "here", "port", "listen_fd", "state_dir", "ledger", "home", "services")
_JOBS = ("total_records", "batch_size", "client_id", "run_id")
_KEYS = frozenset({"client_id", "run_id"})
SITE_NAMES = frozenset({*_PLACES, *_JOBS})
"""What stands for itself in every template of a profile: the placeholders that the lab fills for each run."""

_PATIENCE = 3


class Semantics(StrEnum):
    """How often a record may appear in the output."""

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"


@dataclass(frozen=True, slots=True)
class Claims:
    """What the subject promises. The lab tests claims, not wishes.

    ``recovery_deadline_s`` None: nothing is promised, and only a bound of liveness holds. ``durable_events``: streams
    go on behind a restart. ``shared_store``: two servers may work on one store; otherwise the second may refuse to.
    ``lease_s``: so long a server that stands still keeps its jobs; then another one takes them over. None: unknown.
    """

    semantics: Semantics = Semantics.EXACTLY_ONCE
    resumes: bool = True
    ordered: bool = True
    deterministic: bool = True
    recovery_deadline_s: float | None = None
    durable_events: bool = False
    shared_store: bool = False
    lease_s: float | None = None

    @property
    def liveness_s(self) -> float:
        """How long nothing may move after a restart, beside the time that the work itself needs.

        Where a short time is claimed we wait for longer than that: late is something else than never.
        """
        claimed_s, lease_s = self.recovery_deadline_s, self.lease_s or 0.0
        return lease_s + (LIVENESS_S if claimed_s is None else max(claimed_s, min(LIVENESS_S, _PATIENCE * claimed_s)))


@dataclass(frozen=True, slots=True)
class Workload:
    """The job: ``records`` in batches of ``batch``; ``input_file`` is written by the lab before the first boot."""

    records: int = 103
    batch: int = 10
    input_file: str | None = None

    @property
    def batches(self) -> int:
        """How many batches the job has; the last may be short."""
        return -(-self.records // self.batch)


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """A client under test: how to start it, and where it shows its result and its state.

    ``command`` may hold ``{url}``, ``{client_dir}`` (a folder of its own, kept over restarts), ``{job}`` (a name that
    stays the same over restarts) and whatever the server's command may hold but the socket. It is to end by itself with
    exit code 0 and a JSON document on standard output, in which ``result`` are the paths of what must equal the golden
    run's. ``state`` is its state file, JSON, in which its task's handle stands at one of the paths ``handle``.
    """

    command: str
    result: tuple[str, ...]
    state: str | None = None
    handle: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """All that is said about one subject; with ``client``, that is the subject, and ``subject`` its server.

    The first of the ``principals`` is whose job it is; the others are to reach nothing of it. ``services`` are what the
    subject needs beside it, in the order in which they are started; ``lives`` are other versions of the subject.
    """

    name: str
    subject: SubjectSpec
    contract: ContractSpec
    observe: ObserveSpec = field(default_factory=ObserveSpec)
    claims: Claims = Claims()
    workload: Workload = Workload()
    client: ClientSpec | None = None
    principals: tuple[Principal, ...] = ()
    services: tuple[ServiceSpec, ...] = ()
    lives: tuple[LifeSpec, ...] = ()
    folder: str = "."

    @property
    def operations(self) -> frozenset[str]:
        """The operations that can be driven; there are none on a call that comes back with the output."""
        if self.client or self.contract.kind.blocking:
            return frozenset()
        offered = {name for name in OPERATIONS if self.contract.offers(name)}
        return frozenset(offered | ({TRESPASS} if len(self.principals) > 1 else set()))

    @property
    def headers(self) -> Mapping[str, str]:
        """What goes with every request of whoever has the job done; secrets are not filled in."""
        return self.headers_of(self.principals[0] if self.principals else None)

    def headers_of(self, principal: Principal | None) -> Mapping[str, str]:
        """The headers of anybody's requests: the subject's, and over them those of a principal."""
        own = principal.headers if principal else {}
        named = {name.lower() for name in own}
        return {**{k: v for k, v in self.subject.headers.items() if k.lower() not in named}, **own}

    @property
    def shares_its_output(self) -> bool:
        """Whether a job that is submitted twice, because nobody heard the answer, may write its output twice.

        So it is where the output lies in one place for all jobs, and no key tells the second submission from another.
        """
        records = self.observe.records
        place = None if records is None else records.file or records.sqlite
        if self.contract.kind.blocking or place is None:
            return False
        told = {name.partition(".")[0] for name in placeholders((place, records.query if records else None))}
        return not told - SITE_NAMES and not _KEYS & set(placeholders(self.contract.arguments))

    def life(self, number: int) -> tuple[str | None, Mapping[str, str]]:
        """The command and environment of a server's life, from 1: of the version whose turn it is."""
        subject = self.subject
        if self.lives and self.lives[0].number is None:
            chosen = [self.lives[(number - 1) % len(self.lives)]]
        else:
            chosen = [life for life in self.lives if (life.number or 0) <= number][-1:]
        for life in chosen:
            return life.command or subject.command, {**subject.environment, **life.environment}
        return subject.command, subject.environment

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with anything that is said here but the folder."""
        tables = {k: v for k, v in self.to_json().items() if k != "folder"}
        tables["subject"] = self.subject.essence
        tables["observe"] = DEFAULT_PATHS | tables["observe"]
        return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Encode; what is None, or nobody has said, is left out."""
        tables = _without_none(asdict(self))
        for name in ("principals", "services", "lives"):
            if not tables[name]:
                del tables[name]
        for name in ("durable_events", "shared_store"):
            if not tables["claims"][name]:
                del tables["claims"][name]
        tables["subject"] = self.subject.to_json()
        tables["observe"] = {k: v for k, v in tables["observe"].items() if v != {}}
        if records := tables["observe"].get("records"):
            tables["observe"]["records"] = {k: v for k, v in records.items() if v != {}}
        return tables


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {k: _without_none(v) if isinstance(v, dict) else v for k, v in table.items() if v is not None}
