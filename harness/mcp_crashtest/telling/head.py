"""The head of a report: the verdict, the harm itself in a headline, what was earned and what was not assessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.model.standing import Standing
from mcp_crashtest.model.verdict import HIGHEST_LEVEL
from mcp_crashtest.telling.session import Played
from mcp_crashtest.telling.words import clean, listed, plural

LEVELS = {
    1: "It works, and a planned restart loses nothing",
    2: "Exact resumption after SIGKILL of server, client and both",
    3: "No window is left: SIGKILL at random and hidden moments",
    4: "Hostile networks, services that die, other principals",
    5: "Storage failures and power loss",
}
OF_CLIENTS = {
    1: "It does its job with nobody in the way",
    2: "Exactly one task and one result after SIGKILL of itself, of its server and of both",
}
NOT_RESUMED = "the job did not resume"
EARNED, MISSED, OPEN = "earned", "not earned", str(Standing.NOT_ASSESSED)
_HARMS = {
    "records.lost": "Records are lost",
    "records.duplicated": "Records are there twice",
    "records.unexpected": "Records are there that nobody expected",
    "records.reordered": "Records are out of order",
    "records.content": "Records have another content",
    "records.count": "The count is wrong",
    "effects.rework": "More is done again than a crash costs",
    "effects.lost": "Records without their effect",
    "progress.regressed": "Progress goes back",
    "progress.monotonic": "Progress goes back and forth",
    "task.vanished": "A task has vanished",
    "task.orphaned": "A task runs for ever",
    "task.resurrected": "A finished task has changed",
    "task.cancel-forgotten": "A cancel is forgotten",
    "task.input-forgotten": "An answer is forgotten",
    "task.false-success": "Completed, and it is not",
    "task.duplicated": "One job, two tasks",
    "task.identity": "An id is not one task's alone",
    "task.listing": "Lists and tasks disagree",
    "isolation.leak": "Somebody else's task is seen",
    "fencing.double-run": "Two work on one task",
    "recovery.deadline": "It comes back too late",
    "recovery.loop": "It does not start again",
    "error.honest": "It fails, and does not say so",
    "client.reattach": "The client starts a second task",
    "client.state": "The client's state is broken",
    "client.result": "The client's result is wrong",
    "stream.lost": "Events of a stream are lost",
    "stream.duplicated": "Events of a stream come twice",
    "stream.foreign": "A stream has another's messages",
}
STANDING_LIMITS = ("a missing fsync: the page cache survives SIGKILL, and only a loss of power would show it",)


@dataclass(frozen=True, slots=True)
class Rung:
    """One level: what it means, whether it was earned, missed or not assessed, and why."""

    level: int
    what: str
    standing: str
    why: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject, what it earned of what was asked, and the rungs of its ladder."""

    name: str
    earned: int
    asked: int
    rungs: tuple[Rung, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """An invariant that a profile breaks: by its smallest plan, in its run, with all scenarios that broke it.

    ``seen`` names a run of each scenario, where one is there.
    """

    invariant: str
    profile: str
    message: str
    statement: str
    advice: str
    run: str | None
    plan: str
    protocol: str
    scenarios: tuple[str, ...]
    replay: str
    fingerprint: str
    rate: tuple[int, int] | None = None
    seen: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What a reader sees first. ``harm`` is the part of the headline that is bad news."""

    verdict: str
    headline: str
    harm: str
    lede: str
    subjects: tuple[Subject, ...]
    limits: tuple[str, ...]
    caps: tuple[str, ...]
    featured: str | None
    failing: int


def head(certificate: Mapping[str, Any], runs: Sequence[Played], findings: Sequence[Finding], total: int) -> Head:
    """Tell a session from its certificate and its runs; ``total`` is how many records the job has."""
    worst = next((run for run in runs if findings and run.id == findings[0].run), None)
    featured = worst or _featured(certificate["verdict"], runs)
    headline, harm, lede = _said(certificate, runs, findings, worst, total)
    told = certificate.get("limits") or STANDING_LIMITS
    return Head(
        certificate["verdict"],
        headline,
        harm,
        lede,
        tuple(_subject(one, certificate) for one in certificate.get("stars") or ()),
        tuple(clean(limit, 300) for limit in told),
        tuple(clean(cap, 600) for cap in certificate["caps"]),
        featured.id if featured else None,
        sum(run.verdict == "FAIL" for run in runs),
    )


def _featured(verdict: str, runs: Sequence[Played]) -> Played | None:
    """The run that is shown on the first page: one that proves nothing, or that with the most deaths."""
    doubtful = [run for run in runs if run.verdict == "INVALID"]
    if verdict == "INVALID" and doubtful:
        return doubtful[0]
    passed = [run for run in runs if run.verdict == "PASS"]
    return max(passed, key=lambda run: (run.kills, run.lives, run.acks), default=None)


def _said(
    certificate: Mapping[str, Any],
    runs: Sequence[Played],
    findings: Sequence[Finding],
    worst: Played | None,
    total: int,
) -> tuple[str, str, str]:
    faults = certificate["faults"]
    if findings:
        first = findings[0]
        counted = worst is not None and worst.reported is not None and worst.reported != total
        headline, harm = (
            (f"{total} records in,", f"{worst.reported} out") if worst and counted else ("", harm_of(first))
        )
        bad = sum(run.verdict == "FAIL" for run in runs)
        many = f"It is the smallest of {plural(bad, 'run')} that fail, out of {len(runs)}." if bad > 1 else (
            f"One of {plural(len(runs), 'run')} fails.")  # fmt: skip
        plainly = worst.plain if worst else clean(first.plan, 200)
        return headline, harm, f"{plainly}: {_short(first.message)}. {many}"
    if certificate["verdict"] == "PASS":
        headline = f"{plural(faults['confirmed'], 'fault')}. Nothing lost, nothing twice."
        if not faults["confirmed"]:
            headline = "It does its job undisturbed."
        killed = f"Processes were killed {plural(faults['kills'], 'time')} by SIGKILL, in {plural(len(runs), 'run')}. "
        good, bare = (sum(run.verdict == verdict for run in runs) for verdict in ("PASS", "INVALID"))
        which = f"In each of the {good} that count" if bare else "In each of them"
        rest = f"; {bare} more {'proves' if bare == 1 else 'prove'} nothing" if bare else ""
        return headline, "", f"{killed}{which} every invariant held that applies{rest}."
    if certificate["verdict"] == "SKIP":
        return "Nothing was assessed", "", listed(clean(cap, 300) for cap in certificate["caps"][:2])
    open_ = [s for s in certificate["scenarios"] if s["verdict"] == "INVALID"]
    cut = "" if certificate.get("finished") is not False else "The session was cut short. "
    why = (
        f"{clean(open_[0]['id'], 60)}: {_short(clean(open_[0]['reason'], 300))}"
        if open_
        else "no fault could be proven"
    )
    return "Nothing more is proven", "", f"{cut}What was shown stands; the rest proves nothing. {why}."


def harm_of(finding: Finding) -> str:
    """A finding in a few plain words."""
    if finding.message.startswith(NOT_RESUMED):
        return "The job did not resume"
    return _HARMS.get(finding.invariant, finding.invariant)


def _short(message: str) -> str:
    """A message without the list of names behind it."""
    return clean(message, 300).partition(": '")[0].rstrip(".")


def _subject(one: Mapping[str, Any], certificate: Mapping[str, Any]) -> Subject:
    played = [s for s in certificate["scenarios"] if s["profile"] == one["profile"] and s.get("applies", True)]
    is_client = "client" in certificate["subject"].get(one["profile"], {})
    rungs = tuple(
        _rung(level, OF_CLIENTS.get(level, what) if is_client else what, one, played, certificate)
        for level, what in LEVELS.items()
    )
    return Subject(clean(one["profile"], 80), one["earned"], one["asked"], rungs)


def _rung(
    level: int, what: str, one: Mapping[str, Any], played: Sequence[Mapping[str, Any]], certificate: Mapping[str, Any]
) -> Rung:
    of_level = [s for s in played if s["level"] == level]
    tried = [s for s in of_level if s["runs"] and s["verdict"] != "SKIP"]
    failed = [s for s in tried if s["verdict"] == "FAIL"]
    open_ = [s for s in tried if s["verdict"] == "INVALID"]
    if level <= one["earned"]:
        return Rung(level, what, EARNED, f"{len(tried)} of {plural(len(tried), 'scenario')} passed")
    if failed:
        return Rung(level, what, MISSED, f"{len(failed)} of {plural(len(tried), 'scenario')} failed", failed=True)
    if open_:
        return Rung(level, what, MISSED, f"{len(open_)} of {plural(len(tried), 'scenario')} not proven")
    if level <= one["asked"] or (tried and one["why"]):
        return Rung(level, what, MISSED if tried else OPEN, clean(one["why"] or "not played to its end", 300))
    if level > HIGHEST_LEVEL:
        return Rung(level, what, OPEN, "this version does not certify it")
    return Rung(level, what, OPEN, _cap(level, certificate) or _unasked(level, certificate.get("selection") or {}))


def _unasked(level: int, selection: Mapping[str, Any]) -> str:
    if selection.get("scenarios") or selection.get("own") or selection.get("again"):
        return "certain scenarios were asked for, and no level"
    if selection.get("budget") in ("quick", "look"):
        return "a first look earns one star at most"
    return f"not asked for: --level {level}"


def _cap(level: int, certificate: Mapping[str, Any]) -> str:
    """What of a profile keeps this level from being earned at all."""
    for subject in certificate["subject"].values():
        for cap in subject.get("caps", ()):
            if cap["stars"] is not None and cap["stars"] < level:
                return clean(cap["text"], 300)
    return ""
