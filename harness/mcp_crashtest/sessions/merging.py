"""Shards put together: which reports belong together, and the one certificate that all their runs come to.

A scenario is judged by the runs of all shards as if one machine had played them: what is too much that proves nothing
for the few runs of a shard need not be for all, nor the other way round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.summing_up import Told, describe, raise_for, smallest, summary
from mcp_crashtest.model.errors import HarnessError, NotApplicable, Unproven, UsageError
from mcp_crashtest.model.shard import ELSEWHERE, Shard
from mcp_crashtest.model.standing import Standing
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.reporting.certificate import certificate, read_certificate
from mcp_crashtest.reporting.stars import Selection
from mcp_crashtest.sessions.catalogue import standard

Outcomes = Mapping[tuple[str, str], Sequence[Outcome]]
"""The runs that count, by profile and scenario."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one shard has left."""

    bundle: Bundle
    certificate: Mapping[str, Any]

    def __str__(self) -> str:
        """Which one it is, and where it lies."""
        return f"{self.shard} ({self.bundle.folder})"

    @property
    def shard(self) -> Shard:
        """Which part of the plans."""
        said = self.certificate["shard"]
        return Shard(said["number"], said["of"])

    def counting(self) -> Iterator[tuple[str, str, str]]:
        """Profile, scenario and name of each run that counts."""
        for profile, scenarios in self.certificate["shard"]["played"].items():
            for scenario, played in scenarios.items():
                yield from ((profile, scenario, name) for name in played["runs"])


def read_report(folder: Path) -> Report:
    """The report of a shard; raises UsageError, also for what is another one, or none."""
    bundle = Bundle(folder)
    if not bundle.is_ours:
        raise UsageError(f"{folder} is not a report directory of mcp-crashtest: give those of certify --shard I/N")
    saved = bundle.certificate()
    if saved is None:
        raise UsageError(f"{folder} holds no certificate: its session did not come to an end; play that shard again")
    found = read_certificate(saved)
    if not found.get("shard"):
        raise UsageError(f"{folder} is the report of a whole session, and no shard's: it needs no merging")
    return Report(bundle, found)


# --- which belong together


def _servers(report: Report) -> dict[str, Any]:
    """What each subject has called itself."""
    found: dict[str, Any] = {}
    for profile in report.certificate["subject"]:
        run = next((run for run in report.bundle.runs() if profile in run.path.parts), None)
        server = run.history().header.subject.get("server", {}) if run else {}
        found[profile] = " ".join(str(server[name]) for name in ("name", "version") if name in server)
    return found


def _digests(report: Report) -> dict[str, Any]:
    return {name: subject["digest"] for name, subject in report.certificate["subject"].items()}


def _asked(report: Report) -> dict[str, Any]:
    return {name: said for name, said in report.certificate["selection"].items() if name != "shard"}


_ALIKE: tuple[tuple[str, str, Callable[[Report], Any]], ...] = (
    (
        "plans were dealt out to another number of shards, so that parts overlap",
        "play all of them with one N",
        lambda report: report.shard.of,
    ),
    ("seeds differ, and so do their plans", "play all of them with one --seed", lambda r: r.certificate["seed"]),
    (
        "they were played by different versions of mcp-crashtest",
        "play all of them with one",
        lambda report: report.certificate["environment"]["mcp_crashtest"],
    ),
    ("other subjects were on trial", "play all of them on the same ones", lambda r: sorted(r.certificate["subject"])),
    ("their profiles differ", "play all of them with the same profile", _digests),
    ("other scenarios, levels or budgets were asked for", "ask for the same in all of them", _asked),
    ("their servers are not the same", "play all of them on the same build", _servers),
)


def refuse_strangers(reports: Sequence[Report]) -> None:
    """Raise UsageError for reports that are not the shards of one session, each of them once, and all of them."""
    first = reports[0]
    for other in reports[1:]:
        for what, mend, told in _ALIKE:
            if told(other) != told(first):
                raise UsageError(f"{first} and {other}: {what}: {told(first)} and {told(other)}; {mend}")
    numbers = Counter(report.shard.number for report in reports)
    for number, times in numbers.items():
        if times > 1:
            twice = [str(report.bundle.folder) for report in reports if report.shard.number == number]
            raise UsageError(f"{Shard(number, first.shard.of)} is there {times} times: {', '.join(twice)}; give one")
    missing = [Shard(n, first.shard.of) for n in range(1, first.shard.of + 1) if n not in numbers]
    if missing:
        raise UsageError(
            f"{', '.join(map(str, missing))} {'is' if len(missing) == 1 else 'are'} missing: without all of the plans "
            f"nothing is earned; give their report directories too"
        )


# --- what they come to


@dataclass(frozen=True, slots=True)
class _Said:
    """What one shard says of one scenario."""

    shard: Shard
    summary: Mapping[str, Any]
    played: Mapping[str, Any]

    @property
    def unplayed(self) -> int:
        """How many of its plans it has not played."""
        return int(self.played["planned"]) - len(self.played["runs"])

    @property
    def skips(self) -> bool:
        """Whether something kept it from playing that is no matter of how plans are dealt out, or of its runs."""
        drained = self.summary.get("standing") == Standing.NOT_APPLICABLE and self.summary["runs"]
        skipped: bool = self.summary["verdict"] == Verdict.SKIP.name
        return skipped and self.summary["reason"] != ELSEWHERE and not drained


def merged(reports: Sequence[Report], outcomes: Outcomes) -> tuple[dict[str, Any], list[str]]:
    """The certificate that all runs come to, and the kinds of errors that ended scenarios. Raises HarnessError."""
    first = reports[0].certificate
    names = dict.fromkeys((s["profile"], s["id"]) for report in reports for s in report.certificate["scenarios"])
    found = [_scenario(_said(reports, *name), outcomes.get(name, ()), reports) for name in names]
    times = [report.certificate["times"] for report in reports]
    selection = {name: said for name, said in first["selection"].items() if name != "shard"}
    made = certificate(
        [summed for summed, _ in found],
        {name: _subject(reports, name) for name in first["subject"]},
        Selection(**{**selection, "scenarios": tuple(selection["scenarios"])}),
        standard(),
        seed=first["seed"],
        finished=all(report.certificate["finished"] for report in reports),
        times={"began": min(t["began"] for t in times), "ended": max(t["ended"] for t in times)},
    )
    return {**made, "shards": len(reports)}, [kind for _, kind in found if kind]


def _subject(reports: Sequence[Report], name: str) -> dict[str, Any]:
    """A subject's identity; where one machine had too little time, it had too little."""
    said = [report.certificate["subject"][name] for report in reports]
    fitted = any(one["budget"] == Budget.FITTED for one in said)
    return {**said[0], **({"budget": Budget.FITTED} if fitted else {})}


def _said(reports: Sequence[Report], profile: str, scenario: str) -> list[_Said]:
    found = []
    for report in reports:
        played = report.certificate["shard"]["played"].get(profile, {}).get(scenario)
        summed = [s for s in report.certificate["scenarios"] if (s["profile"], s["id"]) == (profile, scenario)]
        if summed:
            found.append(_Said(report.shard, summed[0], played or {"planned": 0, "runs": [], "error": None}))
    return found


def _scenario(
    said: Sequence[_Said], outcomes: Sequence[Outcome], reports: Sequence[Report]
) -> tuple[dict[str, Any], str | None]:
    """A scenario's summary, and the kind of error that ended it."""
    first = said[0].summary
    notes = dict.fromkeys(note for one in said for note in one.summary.get("notes", ()))
    plans = max(one.summary["plans"] for one in said)
    told = Told(first["id"], first["profile"], first["level"], _story(said), plans, tuple(notes))
    verdict, reason, like = _ended(said, outcomes, reports)
    late = sum(one.summary.get("late_looks", 0) for one in said)
    standing = {"standing": like["standing"]} if like.get("standing") else {}
    summed = {**summary(told, outcomes, verdict, reason, late), "applies": like.get("applies", True), **standing}
    return summed, like.get("error")


def _story(said: Sequence[_Said]) -> str:
    return next((one.summary["story"] for one in said if one.summary["story"]), "")


def _ended(
    said: Sequence[_Said], outcomes: Sequence[Outcome], reports: Sequence[Report]
) -> tuple[Verdict, str, Mapping[str, Any]]:
    """A scenario's verdict, why, and what else is said of one that was not played. The gravest first."""
    failed = smallest(outcomes, Verdict.FAIL)
    if failed:
        return Verdict.FAIL, describe(failed), {}
    for one in said:
        if one.summary["verdict"] == Verdict.FAIL.name:
            raise HarnessError(f"{one.shard} says that {one.summary['id']} has failed, and none of its runs shows it")
        if one.played["error"]:
            return Verdict.INVALID, f"{one.shard}: {one.summary['reason']}", {"error": one.played["error"]}
    for one in said:
        if one.skips:
            return Verdict.SKIP, one.summary["reason"], one.summary
    absent = {report.shard for report in reports} - {one.shard for one in said}
    if absent:
        return Verdict.INVALID, f"{min(absent, key=str)} has not come to it", {}
    for one in said:
        if one.unplayed > 0:
            why = one.summary["reason"] or "its session ended before"
            return Verdict.INVALID, f"{one.shard} has not played {one.unplayed} of its plans: {why}", {}
    return _judged(outcomes)


def _judged(outcomes: Sequence[Outcome]) -> tuple[Verdict, str, Mapping[str, Any]]:
    try:
        raise_for(outcomes)
    except Unproven as error:
        return Verdict.INVALID, str(error), {}
    except NotApplicable as error:
        return Verdict.SKIP, str(error), {"standing": Standing.NOT_APPLICABLE, "applies": False}
    return (Verdict.PASS, "", {}) if outcomes else (Verdict.SKIP, ELSEWHERE, {})
