"""What GitHub shows of a certificate: annotations of a workflow's log, a summary of the job, outputs of a step. Pure.

A subject's text can neither end a workflow command nor begin another, and is no markup in a summary.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_crashtest.model.fingerprints import of_finding
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.reporting.badge import badge
from mcp_crashtest.reporting.certificate import summary_lines
from mcp_crashtest.reporting.stars import applying
from mcp_crashtest.reporting.told import advice_for, elsewhere, line, plain, story

_MOST_ANNOTATIONS = 10  # GitHub shows no more of a kind for one step
_MOST_STORIES = 20
_MARKS = {"PASS": "\N{WHITE HEAVY CHECK MARK}", "FAIL": "\N{CROSS MARK}", "INVALID": "\N{WARNING SIGN}"}


def workflow_commands(certificate: Mapping[str, Any]) -> list[str]:
    """Workflow commands: an error for each finding and stale entry, a notice for what is expected, else warnings."""
    found = list(_annotations(certificate))
    kinds = dict.fromkeys(kind for kind, _ in found)
    return [command for kind in kinds for command in [c for k, c in found if k == kind][:_MOST_ANNOTATIONS]]


def _annotations(certificate: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    compared = certificate.get("baseline") or {}
    expected = {one["fingerprint"]: one["reason"] for one in compared.get("expected", ())}
    for one in compared.get("stale", ()):
        title = f"{one['invariant']} in {one['scenario']} is stale in {compared['file']}"
        yield _command("error", title, f"{one['profile']}: {one['why']}")
    for scenario in applying(certificate["scenarios"]):
        files = certificate["subject"][scenario["profile"]].get("files", {})
        place = files.get("subject") or files.get("profile")
        for finding in scenario["findings"]:
            title = f"{finding['invariant']} in {scenario['id']} of {scenario['profile']}"
            text = f"{plain(finding['message'])}\n{plain(advice_for(finding))}\n{plain(finding['replay'])}"
            reason = expected.get(of_finding(finding))
            if reason is None:
                yield _command("error", title, text, place)
            else:
                yield _command("notice", f"expected: {title}", f"{reason}\n{text}", place)
        for name in elsewhere(scenario):
            yield _command(
                "error", f"{name} in {scenario['id']} of {scenario['profile']}", "in another run of it", place
            )
        if scenario["verdict"] == Verdict.INVALID.name:
            title = f"{scenario['id']} of {scenario['profile']} proves nothing"
            yield _command("warning", title, scenario["reason"], files.get("profile"))
    for one in certificate["stars"]:
        if one["earned"] < one["asked"] and certificate["verdict"] != Verdict.FAIL.name:
            title = f"{one['profile']} has earned {one['earned']} of {one['asked']} stars"
            yield _command("warning", title, str(one["why"]))


def _command(kind: str, title: str, text: str, place: str | None = None) -> tuple[str, str]:
    file = f"file={_property(place)},line=1," if place else ""
    return kind, f"::{kind} {file}title={_property(line(title, 200))}::{_data(plain(text))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def job_summary(certificate: Mapping[str, Any]) -> str:
    """A page of Markdown: what was earned, what stands in the way, a row for each scenario, each finding's story."""
    first, *rest = summary_lines(certificate)
    parts = [f"### {_text(first)}", "\n".join(f"- {_text(said)}" for said in rest)]
    parts += [_table(certificate)]
    findings = [finding for s in applying(certificate["scenarios"]) for finding in s["findings"]]
    parts += [_story(finding) for finding in findings[:_MOST_STORIES]]
    if len(findings) > _MOST_STORIES:
        parts.append(f"{len(findings) - _MOST_STORIES} more findings stand in the report.")
    return "\n\n".join(parts) + "\n"


def _table(certificate: Mapping[str, Any]) -> str:
    rows = ["| | scenario | runs | faults | kills | recovery, 95 % | verdict |", "|---|---|--:|--:|--:|--:|---|"]
    for s in sorted(applying(certificate["scenarios"]), key=lambda s: (s["profile"], s["level"])):
        recovery = s["recovery_s"]["p95"]
        shown = "" if recovery is None else f"{recovery:.2f} s"
        name = f"{_text(s['profile'])}: {_text(s['id'])}"
        numbers = f"{s['runs']} | {s['faults_confirmed']} | {s['kills_confirmed']} | {shown}"
        rows.append(
            f"| {chr(0x2605) * s['level']} | {name} | {numbers} | {_MARKS.get(s['verdict'], '')} {s['verdict']} |"
        )
    return "\n".join(rows)


def _story(finding: Mapping[str, Any]) -> str:
    title = f"{finding['invariant']} in {finding['scenario']} of {finding['profile']}"
    told = html.escape(story(finding))
    return f"<details><summary>{html.escape(line(title, 300))}</summary>\n<pre>{told}</pre>\n</details>"


def _text(text: object) -> str:
    """Text that is no markup: neither of HTML nor of Markdown, and no mention of anybody."""
    escaped = html.escape(line(text))
    return "".join(f"&#{ord(c)};" if c in "\\`*_[]|~#@!<>" else c for c in escaped.replace("&#", "&\0")).replace(
        "\0", "#"
    )


def outputs(certificate: Mapping[str, Any]) -> dict[str, str]:
    """What later steps may ask: the verdict, the stars, the faults, the words of the badge."""
    return {
        "verdict": str(certificate["verdict"]),
        "level": str(certificate["level"]),
        "faults": str(certificate["faults"]["confirmed"]),
        "badge": line(badge(certificate).message),
    }
