"""Stars: earned by every scenario of a level that there is, and never by less; what keeps them away is said."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.reporting.stars import Listed, Selection, Stars, caps, stars, takes_stars
from tests.harness.reporting.test_certificate import scenario

WORKS, RESTART, KILLED, RANDOM = "undisturbed", "planned-restart", "killed", "random"
CATALOGUE = (
    Listed(WORKS, 1),
    Listed(RESTART, 1),
    Listed(KILLED, 2),
    Listed("client-works", 1, client=True),
    Listed("client-killed", 2, client=True),
    Listed("client-random", 3, client=True),
)
ALL = {WORKS: "PASS", RESTART: "PASS", KILLED: "PASS"}
LEVELS = {listed.id: listed.level for listed in CATALOGUE}
NO_RECORDS = {"text": "nobody sees the records", "stars": 1}


def judged(
    verdicts: dict[str, str], selection: Selection | None = None, subject: dict[str, Any] | None = None, **changes: Any
) -> Stars:
    played = [scenario(LEVELS[name], verdict, id=name, **changes) for name, verdict in verdicts.items()]
    [found] = stars(played, {"subject": subject or {}}, selection or Selection(None), CATALOGUE)
    return found


def test_two_stars_are_earned_by_every_scenario_of_both_levels() -> None:
    assert judged(ALL) == Stars("subject", 2, 2, None)


@pytest.mark.parametrize(
    ("changed", "earned", "why"),
    [
        ({KILLED: "FAIL"}, 1, "killed: FAIL"),
        ({KILLED: "INVALID"}, 1, "killed: INVALID"),
        ({KILLED: None}, 1, "for two stars too little was played, not killed"),
        ({RESTART: None}, 0, "for one star too little was played, not planned-restart"),
        ({RESTART: None, KILLED: None}, 0, "for one star too little was played, not planned-restart"),
        ({WORKS: "FAIL"}, 0, "undisturbed: FAIL"),
    ],
)
def test_a_scenario_that_failed_or_never_ran_takes_its_star_and_those_above(
    changed: dict[str, str | None], earned: int, why: str
) -> None:
    merged: dict[str, str | None] = {**ALL, **changed}
    verdicts = {name: verdict for name, verdict in merged.items() if verdict is not None}
    assert judged(verdicts) == Stars("subject", earned, 2, why)


def test_a_scenario_that_could_not_be_assessed_takes_its_star_and_says_why() -> None:
    found = judged({**ALL, KILLED: "SKIP"}, reason="no right to kill the server")
    assert (found.earned, found.why) == (1, "killed: no right to kill the server")


def test_of_a_subject_that_was_only_looked_at_one_star_is_asked_whatever_is_asked_of_others() -> None:
    looked_at = {"budget": "look"}
    for selection in (Selection(None), Selection(2)):
        assert judged(ALL, selection, looked_at) == Stars("subject", 1, 1, None)
        assert judged({**ALL, WORKS: "FAIL"}, selection, looked_at).earned == 0
        assert judged(ALL, selection, {"budget": "core"}).asked == 2


def test_a_users_own_scenarios_earn_nothing_alone_and_must_pass_beside_ours() -> None:
    own = Selection(None, own=True)
    mine = scenario(1, "PASS", id="mine")
    assert stars([mine], {"subject": {}}, own, CATALOGUE) == [Stars("subject", 0, 0, None)]
    ours = [scenario(LEVELS[name], "PASS", id=name) for name in ALL]
    [found] = stars([*ours, {**mine, "verdict": "FAIL"}], {"subject": {}}, Selection(None), CATALOGUE)
    assert (found.earned, found.why) == (0, "mine: FAIL")


def test_a_first_look_asks_for_one_star_and_earns_no_more() -> None:
    quick = Selection(None, budget="quick")
    assert judged(ALL, quick) == Stars("subject", 1, 1, None)
    assert judged({**ALL, KILLED: "INVALID"}, quick) == Stars("subject", 1, 1, None)


def test_what_was_fitted_into_a_time_limit_earns_one_star_and_the_level_asked_for_stays() -> None:
    fitted = judged(ALL, Selection(None), {"budget": "fitted"})
    assert fitted == Stars("subject", 1, 2, "what fits into --time-limit earns one star at most")
    assert judged({**ALL, KILLED: "FAIL"}, Selection(None), {"budget": "fitted"}).earned == 1
    assert judged(ALL, Selection(1), {"budget": "fitted"}) == Stars("subject", 1, 1, None)
    assert judged(ALL, Selection(None, budget="quick"), {"budget": "fitted"}) == Stars("subject", 1, 1, None)


def test_a_selection_asks_for_nothing_and_earns_what_it_showed() -> None:
    assert judged({KILLED: "PASS"}, Selection(None, scenarios=(KILLED,))) == Stars("subject", 0, 0, None)
    both = Selection(None, scenarios=(WORKS, RESTART))
    assert judged({WORKS: "PASS", RESTART: "PASS"}, both) == Stars("subject", 1, 0, None)
    gate = Selection(2, scenarios=(KILLED,))
    assert judged({KILLED: "PASS"}, gate).why == "for one star too little was played, not undisturbed, planned-restart"


def test_a_profile_that_can_earn_one_star_is_asked_for_one() -> None:
    assert judged(ALL, subject={"caps": [NO_RECORDS]}) == Stars("subject", 1, 1, None)
    assert judged(ALL, subject={"caps": [{"text": "no ledger", "stars": None}]}) == Stars("subject", 2, 2, None)


def test_a_client_is_held_against_the_scenarios_of_clients() -> None:
    client = {"client": "python client.py"}
    every = {"client-works": "PASS", "client-killed": "PASS", "client-random": "PASS"}
    assert judged(every, Selection(3), client) == Stars("subject", 3, 3, None)
    assert judged(every, subject=client) == Stars("subject", 3, 2, None)


def test_a_scenario_for_others_is_neither_missing_nor_earned() -> None:
    foreign = scenario(3, "SKIP", id="client-random", applies=False, reason="this scenario is for clients")
    ours = [scenario(LEVELS[name], "PASS", id=name) for name in ALL]
    assert stars([*ours, foreign], {"subject": {}}, Selection(3), CATALOGUE) == [
        Stars("subject", 2, 3, "there is no scenario for three stars")
    ]


def test_several_subjects_are_asked_and_earn_each_for_itself() -> None:
    mixed = [scenario(LEVELS[name], "PASS", id=name, profile=p) for name in ALL for p in ("full", "blind")]
    found = stars(mixed, {"full": {}, "blind": {"caps": [NO_RECORDS]}}, Selection(None), CATALOGUE)
    assert [(one.profile, one.earned, one.asked) for one in found] == [("full", 2, 2), ("blind", 1, 1)]


def test_what_takes_stars_comes_first_among_the_caps_and_names_what_did_not_run() -> None:
    subject = {"caps": [{"text": "no ledger", "stars": None}, {"text": "no right", "stars": 0}]}
    skipped = scenario(2, "SKIP", id=KILLED, reason="no right", runs=0)
    late = scenario(2, "SKIP", id=RANDOM, reason="out of time", runs=3, plans=10)
    found = caps([skipped, late], {"subject": subject})
    assert found == [
        "no star at most: no right (not run: ** killed)",
        "no ledger",
        "out of time (not run: ** random after 3 of 10 plans)",
    ]
    assert [takes_stars(cap) for cap in found] == [True, False, False]


def test_what_is_not_assessed_by_default_is_no_cap_where_it_was_played() -> None:
    subject = {"caps": [{"text": "what it needs dies: --scenario dies", "stars": None, "unless": "dies"}]}
    died = scenario(4, "PASS", id="dies")
    assert caps([scenario(2, "PASS", id=KILLED)], {"subject": subject}) == ["what it needs dies: --scenario dies"]
    assert caps([died], {"subject": subject}) == []
    assert caps([{**died, "runs": 0}], {"subject": subject}) != []
    assert caps([{**died, "profile": "other"}], {"subject": subject}) != []


@pytest.mark.parametrize(
    ("changes", "limit_s", "earned"),
    [
        ({"begun": False, "runs": 0}, 60.0, 0),
        ({"runs": 1}, 60.0, 0),
        ({"runs": 0}, 60.0, 1),
        ({"runs": 1}, None, 1),
    ],
    ids=["not begun", "broken off", "not to be assessed", "not assessed behind a run, and no limit"],
)
def test_a_first_look_that_had_no_time_for_a_scenario_of_any_level_earns_no_star_and_names_it(
    changes: dict[str, Any], limit_s: float | None, earned: int
) -> None:
    selection = Selection(None, budget="quick", time_limit_s=limit_s)
    played = [scenario(LEVELS[name], "PASS", id=name) for name in (WORKS, RESTART)]
    played.append(scenario(2, "SKIP", id=KILLED, reason="the time limit of 60 s was over", **changes))
    [found] = stars(played, {"subject": {"budget": "quick"}}, selection, CATALOGUE)
    why = None if earned else "a first look is one at every scenario, and there was no time for killed"
    assert found == Stars("subject", earned, 1, why)


def test_a_level_of_which_a_scenario_had_no_time_is_not_earned_without_a_first_look_either() -> None:
    selection = Selection(None, time_limit_s=60.0)
    played = [scenario(LEVELS[name], "PASS", id=name) for name in (WORKS, RESTART)]
    played.append(scenario(2, "SKIP", id=KILLED, reason="the time limit of 60 s was over", begun=False, runs=0))
    [found] = stars(played, {"subject": {"budget": "core"}}, selection, CATALOGUE)
    assert found == Stars("subject", 1, 2, "killed: the time limit of 60 s was over")
