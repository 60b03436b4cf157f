"""A certificate as SARIF 2.1.0, for code scanning: a rule for each invariant, a run for each subject. Pure.

A finding is shown at the file that the subject's command starts, or else at its profile. Runs of a subject are put into
one category for each depth of a session, so that a first look that finds nothing closes no alert of a whole one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mcp_crashtest.model.fingerprints import of_finding
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.reporting.stars import applying
from mcp_crashtest.reporting.told import advice_for, elsewhere, line, plain

SARIF_VERSION = "2.1.0"
_ROOT = "%SRCROOT%"
_KEY = "mcpCrashtest/v1"


def sarif(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """The whole log."""
    return {"version": SARIF_VERSION, "runs": [_run(name, certificate) for name in certificate["subject"]]}


def _run(profile: str, certificate: Mapping[str, Any]) -> dict[str, Any]:
    subject = certificate["subject"][profile]
    scenarios = [s for s in applying(certificate["scenarios"]) if s["profile"] == profile]
    reasons = {one["fingerprint"]: one["reason"] for one in (certificate.get("baseline") or {}).get("expected", ())}
    files = subject.get("files", {})
    stars: Mapping[str, Any] = next((one for one in certificate["stars"] if one["profile"] == profile), {})
    return {
        "tool": {"driver": _driver(certificate["environment"]["mcp_crashtest"])},
        "automationDetails": {"id": f"mcp-crashtest/{line(profile, 80)}/{subject.get('budget', 'core')}/"},
        "invocations": [_invocation(scenarios, certificate)],
        "results": [_result(finding, files, reasons) for s in scenarios for finding in (*s["findings"], *_more(s))],
        "properties": {
            "seed": certificate["seed"],
            "verdict": certificate["verdict"],
            "level": stars.get("earned"),
            "faults": sum(s["faults_confirmed"] for s in scenarios),
            "kills": sum(s["kills_confirmed"] for s in scenarios),
        },
    }


def _driver(version: str) -> dict[str, Any]:
    rules = [
        {
            "id": invariant.id,
            "shortDescription": {"text": invariant.statement},
            "fullDescription": {"text": f"Must hold over any crash: {invariant.statement}."},
            "help": {
                "text": invariant.advice,
                "markdown": f"**Must hold**: {invariant.statement}.\n\n{invariant.advice}",
            },
            "defaultConfiguration": {"level": "error"},
        }
        for invariant in INVARIANTS.values()
    ]
    return {"name": "mcp-crashtest", "version": version, "rules": rules}


def _invocation(scenarios: Sequence[Mapping[str, Any]], certificate: Mapping[str, Any]) -> dict[str, Any]:
    unproven = [s for s in scenarios if s["verdict"] == Verdict.INVALID.name]
    said: dict[str, Any] = {
        "executionSuccessful": bool(certificate["finished"]) and not unproven,
        "toolExecutionNotifications": [
            {"level": "warning", "message": {"text": f"{s['id']} proves nothing: {plain(s['reason'])}"}}
            for s in unproven
        ],
    }
    times = certificate.get("times") or {}
    names = (("startTimeUtc", "began"), ("endTimeUtc", "ended"))
    return said | {name: times[key].replace("+00:00", "Z") for name, key in names if times.get(key)}


def _more(scenario: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What other runs of a scenario found broken than that of its smallest failing plan."""
    where = {"profile": scenario["profile"], "scenario": scenario["id"]}
    said = {"message": "broken in another run of this scenario"}
    return [{**where, **said, "invariant": name} for name in elsewhere(scenario)]


def _result(finding: Mapping[str, Any], files: Mapping[str, str], reasons: Mapping[str, str]) -> dict[str, Any]:
    invariant, found = finding["invariant"], of_finding(finding)
    text = f"{line(finding['message'])}. Seen in {finding['scenario']} of {finding['profile']}"
    text += f", by the plan: {line(finding['plan_text'])}. " if "plan_text" in finding else ". "
    text += line(advice_for(finding))
    text += f" Replay: {line(finding['replay'])}" if "replay" in finding else ""
    places = [files[name] for name in ("subject", "profile") if name in files]
    said: dict[str, Any] = {
        "ruleId": invariant,
        "ruleIndex": list(INVARIANTS).index(invariant),
        "level": "error",
        "message": {"text": text},
        "locations": [_location(place, finding) for place in places[:1]] or [_nowhere(finding)],
        "partialFingerprints": {_KEY: found},
    }
    if places[1:]:
        said["relatedLocations"] = [
            {**_location(place, finding), "message": {"text": "the profile"}} for place in places[1:]
        ]
    if found in reasons:
        said["suppressions"] = [{"kind": "external", "justification": line(reasons[found])}]
    return said


def _location(place: str, finding: Mapping[str, Any]) -> dict[str, Any]:
    where = {"artifactLocation": {"uri": quote(place), "uriBaseId": _ROOT}, "region": {"startLine": 1}}
    return {"physicalLocation": where, **_nowhere(finding)}


def _nowhere(finding: Mapping[str, Any]) -> dict[str, Any]:
    return {"logicalLocations": [{"name": line(finding["scenario"], 200), "kind": "test"}]}
