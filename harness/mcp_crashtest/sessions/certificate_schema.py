"""The JSON schema of ``certificate.json``: made from the dataclasses below, which say what stands where.

``python -m mcp_crashtest.sessions.certificate_schema`` writes it anew. Whoever reads a certificate may rely on what is
required here for as long as ``format`` is the same; there may be more beside it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from mcp_crashtest.files.atomic import write_atomically
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.reporting.certificate import CERTIFICATE_FORMAT

FILE = Path(__file__).resolve().parents[1] / "certificate.schema.json"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Verdict = Literal["PASS", "SKIP", "INVALID", "FAIL"]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


@dataclass
class CapOfSubject:
    """Something that cannot be assessed with a profile; with it so many stars can be earned, null for all.

    ``unless`` is the scenario that assesses it all the same, where it was played.
    """

    text: str
    stars: Count | None
    unless: str | None = None


@dataclass
class Files:
    """The files of its repository that a subject is said and written in, as far as they are known."""

    profile: str = ""
    subject: str = ""


@dataclass
class Subject:
    """A subject: what it is, what nobody could assess of it, and how much of each scenario was played."""

    command: str | None
    url: str | None
    contract: str
    digest: str
    caps: list[CapOfSubject]
    not_assessed: dict[str, str]
    budget: Budget
    client: str = ""
    files: Files | None = None


@dataclass
class Selection:
    """What was asked for."""

    level: Count | None
    highest: Count
    scenarios: list[str]
    budget: Budget
    own: bool
    again: bool
    time_limit_s: Seconds | None = None


@dataclass
class Times:
    """When the session began and ended, in UTC."""

    began: Instant
    ended: Instant


@dataclass
class Stars:
    """What one subject earned of what was asked, and why it is not more."""

    profile: str
    earned: Count
    asked: Count
    why: str | None


@dataclass
class Faults:
    """All faults; ``fell``: how many kills fell into each tenth of a batch."""

    confirmed: Count
    unconfirmed: Count
    kills: Count
    violation_chance_below: Annotated[float, Field(gt=0, le=1)] | None
    fell: list[Count]
    late_looks: Count
    late: Count


@dataclass
class Quantiles:
    """Of recovery times in seconds; null where nothing recovered."""

    p50: Seconds | None
    p95: Seconds | None
    max: Seconds | None


@dataclass
class Rate:
    """So many of so many runs showed it."""

    runs: Count
    of: Count


@dataclass
class Finding:
    """One violated invariant, in the smallest run that shows it.

    ``operations`` are the events of its history, ``reproduced`` is among the runs of its plan, ``seen`` among all runs
    of the scenario, as far as this session has played them.
    """

    invariant: Annotated[str, Field(json_schema_extra={"enum": list(INVARIANTS)})]
    message: str
    operations: list[Count]
    evidence: dict[str, Any]
    scenario: str
    profile: str
    plan: dict[str, Any]
    plan_text: str
    replay: str
    advice: str = ""
    reproduced: Rate | None = None
    seen: Rate | None = None


@dataclass
class UnplayedRun:
    """A planned run that was not played: the number that it had, or would have had, and why not."""

    number: Count
    plan: str
    protocol: str
    why: str
    at: dict[str, Any] | None = None


@dataclass
class Sabotage:
    """One kind of sabotage that was done to a subject: how often it was tried, and noticed, and by which invariants."""

    kind: str
    tried: Count
    noticed: Count
    by: list[str]


@dataclass
class Covered:
    """One cell: a fault on a victim, before a class of calls or between them, in a third of the job.

    ``hits`` are the confirmed ones. Where it is ``owed`` and was not hit, the level of its scenario is not earned.
    """

    fault: str
    victim: str
    call: str
    batch: str
    hits: Count
    owed: bool


@dataclass
class Scenario:
    """What one scenario came to on one subject. ``unplayed`` may be cut; ``unplayed_in_all`` counts them all.

    ``broken``: the invariants that any of its runs found broken, also where its findings name fewer.
    """

    id: str
    profile: str
    level: Count
    story: str
    verdict: Verdict
    reason: str
    plans: Count
    runs: Count
    faults_confirmed: Count
    faults_unconfirmed: Count
    kills_confirmed: Count
    findings: list[Finding]
    recovery_s: Quantiles
    applies: bool = True
    standing: str = ""
    notes: list[str] | None = None
    sabotage: list[Sabotage] | None = None
    fell: list[Count] | None = None
    late_looks: Count = 0
    late: Count = 0
    coverage: list[Covered] | None = None
    unplayed: list[UnplayedRun] | None = None
    unplayed_in_all: Count = 0
    broken: list[str] | None = None
    took_s: Seconds = 0


@dataclass
class Remark:
    """What stands beside the verdict and changes nothing of it, with the number of runs that showed it."""

    profile: str
    invariant: str
    message: str
    runs: Count
    advice: str = ""
    lines: Count = 0
    texts: list[str] | None = None


@dataclass
class Evidence:
    """What all files of evidence come to: the SHA-256 of the lines that ``sha256sum`` prints, sorted by path."""

    digest: Digest
    files: Count


@dataclass
class OfBaseline:
    """A finding that a baseline expects, or does not; ``why`` one was not found is said of what is stale or untried."""

    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    profile: str
    scenario: str
    invariant: str
    reason: str = ""
    date: str = ""
    sometimes: bool = False
    why: str = ""


@dataclass
class Otherwise:
    """What the session would have come to without what is expected: it decides the exit code, and nothing else."""

    verdict: Verdict
    stars: list[Stars]


@dataclass
class Baseline:
    """What the session came to against the findings that are expected in a file."""

    file: str
    expected: list[OfBaseline]
    unexpected: list[OfBaseline]
    stale: list[OfBaseline]
    untried: list[OfBaseline]
    otherwise: Otherwise


@dataclass
class Certificate:
    """What a session came to.

    ``level`` is the lowest that a subject has earned, ``level_asked`` the lowest asked of one; ``limits`` is
    what no certificate says anything of; ``sha256`` has the digest of every file of evidence, by folder.
    """

    format: Annotated[int, Field(json_schema_extra={"const": CERTIFICATE_FORMAT})]
    subject: dict[str, Subject]
    profile: str
    seed: int
    selection: Selection
    finished: bool
    times: Times
    level: Count
    level_asked: Count
    stars: list[Stars]
    verdict: Verdict
    faults: Faults
    scenarios: list[Scenario]
    findings: list[Finding]
    remarks: list[Remark]
    not_applicable: list[str]
    caps: list[str]
    recovery_s: Quantiles
    limits: list[str]
    environment: dict[str, str]
    evidence: Evidence | None = None
    sha256: dict[str, dict[str, str]] | None = None
    baseline: Baseline | None = None


def schema() -> dict[str, Any]:
    """The schema, as JSON."""
    made = TypeAdapter(Certificate).json_schema()
    return {"$schema": _DRAFT, **made, "title": "A certificate of mcp-crashtest"}


def text() -> str:
    """What stands in the file."""
    return json.dumps(schema(), indent=2, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    write_atomically(FILE, text())
