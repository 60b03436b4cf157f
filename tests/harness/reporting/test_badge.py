"""A badge is worded as what was tested, and says no more than the certificate."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.reporting.badge import badge
from mcp_crashtest.reporting.stars import Selection
from tests.harness.reporting.samples import KILLED, LOST, TWICE, UNDISTURBED, expecting, scenario, session

SKIPPED = scenario("killed", verdict="SKIP", reason="no right", runs=0, faults_confirmed=0)
UNPROVEN = scenario("killed", verdict="INVALID", reason="a fault did not land")
_SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("certificate", "message"),
    [
        (session(UNDISTURBED, KILLED, TWICE), "2 stars, 90 faults"),
        (session(UNDISTURBED, SKIPPED, TWICE), "1 star, 60 faults"),
        (session(UNDISTURBED, KILLED, TWICE, budget="quick"), "first look, 1 star, 90 faults"),
        (session(UNDISTURBED, KILLED, TWICE, budget="fitted"), "shortened, 1 star, 90 faults"),
        (session(KILLED, selection=Selection(None, scenarios=("killed",))), "no star, 30 faults"),
        (session(UNDISTURBED, LOST, TWICE), "fails, 1 invariant broken, 90 faults"),
        (
            session(UNDISTURBED, LOST, TWICE, expected=[expecting("records.lost")]),
            "fails, 1 invariant broken, 90 faults",
        ),
        (session(UNDISTURBED, UNPROVEN, TWICE), "not proven"),
        (session(UNDISTURBED, KILLED, TWICE, finished=False), "cut short"),
        (session(SKIPPED), "not assessed"),
    ],
)
def test_it_says_what_was_earned_and_how_many_faults_landed(certificate: dict[str, Any], message: str) -> None:
    made = badge(certificate)
    assert made.endpoint()["message"] == message
    assert made.endpoint()["label"] == "crash-tested"
    top = ElementTree.fromstring(made.svg())
    assert top.get("aria-label") == f"crash-tested: {message}"
    assert [one.text for one in top.iter(f"{_SVG}text")] == ["crash-tested", message]


def test_an_endpoint_of_shields_knows_all_of_its_keys() -> None:
    assert set(badge(session(KILLED)).endpoint()) == {"schemaVersion", "label", "message", "color"}


def test_the_picture_names_the_digest_of_the_evidence_where_there_is_one() -> None:
    certificate = session(UNDISTURBED, KILLED, TWICE)
    assert "<desc>" not in badge(certificate).svg()
    assert "<desc>evidence sha256:0f1e2d</desc>" in badge({**certificate, "evidence": {"digest": "0f1e2d"}}).svg()


def test_its_text_is_legible_on_every_colour_of_it() -> None:
    colours = {badge(c).colour for c in (session(UNDISTURBED, KILLED, TWICE), session(LOST), session(SKIPPED))}
    assert len(colours) == 3
    assert all(_contrast_with_white(colour) >= 4.5 for colour in [*colours, "#3b4148", "#5f7314", "#8a5a00"])


def _contrast_with_white(colour: str) -> float:
    shares = [int(part, 16) / 255 for part in re.findall("[0-9a-f]{2}", colour)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def test_of_several_subjects_the_least_speaks_for_all_and_one_can_be_named() -> None:
    certificate = session(UNDISTURBED, KILLED, TWICE)
    certificate["subject"]["other"] = {"budget": "core"}
    certificate["stars"].append({"profile": "other", "earned": 1, "asked": 2, "why": "?"})
    certificate["scenarios"].append({**UNDISTURBED, "profile": "other", "faults_confirmed": 2})
    assert badge(certificate).message == "1 star, 92 faults"
    assert badge(certificate, "mine").message == "2 stars, 90 faults"
    assert badge(certificate, "other").message == "1 star, 2 faults"
    certificate["subject"]["other"]["budget"] = "look"  # it was only looked at, beside one that was tried in full
    assert badge(certificate).message == "2 stars, 90 faults"
    with pytest.raises(UsageError, match="there is no subject 'nobody'"):
        badge(certificate, "nobody")
