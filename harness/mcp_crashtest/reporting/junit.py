"""A certificate as JUnit XML: a suite for each subject, in it a case for each scenario that is for its kind. Pure.

It keeps to the schema that Jenkins publishes: properties belong to suites, and those of one case carry its name. A
scenario that proved nothing is an error, one that was not assessed is skipped with the reason, one whose findings are
all expected by a baseline is skipped and says so; a baseline's stale entries are failures of a case of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from mcp_crashtest.model.standing import Standing
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.reporting.expectations import broken_in
from mcp_crashtest.reporting.stars import applying
from mcp_crashtest.reporting.told import elsewhere, line, plain, story

_NAME = "mcp-crashtest"
_OUTCOMES = ("failure", "error", "skipped")


def junit(certificate: Mapping[str, Any]) -> str:
    """The whole document."""
    top = Element("testsuites", name=_NAME)
    compared = certificate.get("baseline") or {}
    scenarios = applying(certificate["scenarios"])
    for name in certificate["subject"]:
        own = [s for s in scenarios if s["profile"] == name]
        top.append(_suite(name, own, certificate, compared))
    if stale := compared.get("stale"):
        top.append(_stale(stale, compared["file"]))
    for count in ("tests", "failures", "errors"):
        top.set(count, str(sum(int(suite.get(count, "0")) for suite in top)))
    ElementTree.indent(top)
    return ElementTree.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def _suite(
    profile: str, scenarios: Sequence[Mapping[str, Any]], certificate: Mapping[str, Any], compared: Mapping[str, Any]
) -> Element:
    suite = Element("testsuite", name=line(profile, 200))
    began = (certificate.get("times") or {}).get("began")
    if began:
        suite.set("timestamp", began.partition("+")[0])
    properties = SubElement(suite, "properties")
    for name, value in [*_of_subject(profile, scenarios, certificate), *_of_cases(scenarios)]:
        SubElement(properties, "property", name=name, value=line(value))
    expected = {one["fingerprint"]: one["reason"] for one in compared.get("expected", ())}
    for scenario in scenarios:
        suite.append(_case(profile, scenario, expected))
    _counted(suite)
    suite.set("time", f"{sum(s.get('took_s', 0) for s in scenarios):.3f}")
    return suite


def _of_subject(
    profile: str, scenarios: Sequence[Mapping[str, Any]], certificate: Mapping[str, Any]
) -> Iterator[tuple[str, object]]:
    stars = next((one for one in certificate["stars"] if one["profile"] == profile), None)
    yield "seed", certificate["seed"]
    if stars is not None:
        yield "level", stars["earned"]
        yield "level_asked", stars["asked"]
        if stars["why"]:
            yield "level_why", stars["why"]
    yield "faults", sum(s["faults_confirmed"] for s in scenarios)
    yield "kills", sum(s["kills_confirmed"] for s in scenarios)
    yield "runs", sum(s["runs"] for s in scenarios)
    yield "verdict", certificate["verdict"]
    yield "budget", certificate["subject"][profile].get("budget", "")
    yield "profile_digest", certificate["subject"][profile]["digest"]
    yield "mcp_crashtest", certificate["environment"]["mcp_crashtest"]


def _of_cases(scenarios: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, object]]:
    for s in scenarios:
        yield f"{s['id']}.level", s["level"]
        yield f"{s['id']}.faults", s["faults_confirmed"]
        yield f"{s['id']}.kills", s["kills_confirmed"]


def _case(profile: str, scenario: Mapping[str, Any], expected: Mapping[str, str]) -> Element:
    case = Element("testcase", classname=f"{_NAME}.{line(profile, 200)}", name=line(scenario["id"], 200))
    case.set("time", f"{scenario.get('took_s', 0):.3f}")
    found = broken_in(scenario)
    new = [one.invariant for one in found if one.fingerprint not in expected]
    match scenario["verdict"]:
        case Verdict.FAIL.name if found and not new:
            reasons = "; ".join(dict.fromkeys(expected[one.fingerprint] for one in found))
            _outcome(case, "skipped", f"expected by the baseline: {reasons}", "expected", _stories(scenario, []))
        case Verdict.FAIL.name:
            said = next((f["message"] for f in scenario["findings"] if f["invariant"] in new), scenario["reason"])
            text = _stories(scenario, new) or plain(scenario["reason"])
            _outcome(case, "failure", said, ", ".join(new) or "violation", text)
        case Verdict.INVALID.name:
            _outcome(case, "error", scenario["reason"], scenario["verdict"], plain(scenario["reason"]))
        case Verdict.SKIP.name:
            _outcome(case, "skipped", scenario["reason"], Standing.NOT_ASSESSED, "")
    counted = f"{scenario['runs']} runs, {scenario['faults_confirmed']} faults, {scenario['kills_confirmed']} kills"
    lines = [f"level {scenario['level']}: {counted}", scenario["story"], *scenario.get("notes", ())]
    SubElement(case, "system-out").text = plain("\n".join(filter(None, lines)))
    return case


def _stories(scenario: Mapping[str, Any], first: Sequence[str]) -> str:
    """All findings of a scenario, those that were not expected first."""
    findings = sorted(scenario["findings"], key=lambda finding: finding["invariant"] not in first)
    more = [f"{name}: broken in another run of this scenario" for name in elsewhere(scenario)]
    return "\n\n".join([*map(story, findings), *more])


def _outcome(case: Element, kind: str, message: str, category: str, text: str) -> None:
    SubElement(case, kind, message=line(message), type=line(category, 200)).text = text


def _stale(stale: Sequence[Mapping[str, Any]], file: str) -> Element:
    suite = Element("testsuite", name="baseline")
    for one in stale:
        name = f"{one['profile']} {one['scenario']} {one['invariant']}"
        case = SubElement(suite, "testcase", classname=f"{_NAME}.baseline", name=line(name, 400))
        text = f"{file}: {name} is expected because {one['reason']}, and is stale: {one['why']}"
        _outcome(case, "failure", f"stale: {one['why']}", "stale", plain(text))
    _counted(suite)
    return suite


def _counted(suite: Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for kind, name in zip(_OUTCOMES, ("failures", "errors", "skipped"), strict=True):
        suite.set(name, str(len(suite.findall(f"testcase/{kind}"))))
