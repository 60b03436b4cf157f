"""Where runs stand in the matrix, what the head says of a session, and what is new against the one before."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.model.coordinates import Batch, Coordinate, During, Moment, Phase, Since, Syscall, Window, WindowName
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.fingerprints import of_finding
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.telling.comparison import Status, compare
from mcp_crashtest.telling.figures import figures
from mcp_crashtest.telling.head import Finding, head
from mcp_crashtest.telling.session import Played, column_of, matrix, where
from mcp_crashtest.telling.words import clean, duration, listed, ordinal, placeless, plain

KILL = Fault("kill", Victim.SERVER, Batch(3, thousandths=250))


def scenario(name: str, verdict: str = "PASS", level: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "profile": "p",
        "level": level,
        "story": "",
        "verdict": verdict,
        "reason": "",
        "plans": 4,
        "runs": 3,
        "faults_confirmed": 3,
        "kills_confirmed": 3,
        "findings": [],
        "applies": True,
        **more,
    }


def certificate(*scenarios: dict[str, Any], verdict: str = "PASS", **more: Any) -> dict[str, Any]:
    found = [f for s in scenarios for f in s["findings"]]
    stars = [{"profile": "p", "earned": 1, "asked": 2, "why": "it failed"}]
    return {
        "verdict": verdict,
        "seed": 0,
        "scenarios": list(scenarios),
        "findings": found,
        "caps": [],
        "stars": stars,
        "subject": {"p": {"digest": "d", "caps": []}},
        "faults": {"confirmed": 3, "kills": 3},
        "environment": {"mcp_crashtest": "1"},
        "times": {"ended": "2026-01-02T03:04:05+00:00"},
        "selection": {"budget": "core"},
        "finished": True,
        **more,
    }


def finding(invariant: str = "records.lost", scenario: str = "killed", message: str = "one is lost") -> dict[str, Any]:
    return {"invariant": invariant, "scenario": scenario, "profile": "p", "message": message}


def played(scenario: str = "killed", name: str = "0001", **more: Any) -> Played:
    known: dict[str, Any] = {
        "protocol": "2026-07-28",
        "verdict": "PASS",
        "plan": "kill",
        "plain": "The server is killed",
        "victims": ("server",),
        "faults": 1,
        "kills": 1,
        "batch": 5,
    }
    return Played(f"p/{scenario}/{name}", "p", scenario, name, **(known | more))


# --- the matrix


@pytest.mark.parametrize(
    ("at", "column"),
    [
        (Batch(3, thousandths=250), "batch 3"),
        (Batch(3, Phase.OBSERVED), "batch 3"),
        (Batch(3, Phase.WRITTEN_UNCOMMITTED), "batch 3 written-uncommitted"),
        (Window(WindowName.ASKING, 2), "window question"),
        (Moment(310), "moment 4"),
        (Moment(5000), "moment 11"),
        (Moment(100, Since.FAULT), None),
        (Syscall("fsync", 4), "syscall fsync"),
        (During(1), None),
        (None, None),
    ],
)
def test_each_coordinate_has_its_column(at: Coordinate | None, column: str | None) -> None:
    assert column_of(at, 10) == column


def test_of_very_many_batches_several_share_a_column() -> None:
    assert {column_of(Batch(n, thousandths=0), 1000) for n in (1, 50)} == {"batch 1"}
    assert column_of(Batch(1000, thousandths=0), 1000) == "batch 20"
    shown = matrix(certificate(scenario("killed")), [played(column="batch 1")], 1000)
    assert [column.label for column in shown.columns][:2] == ["1-50", "51-100"]
    assert len(shown.columns) == 20


def test_a_run_with_several_faults_falls_nowhere_in_particular() -> None:
    assert where(Plan("s", "x", (KILL, KILL))) is None
    assert where(Plan("s", "x", (KILL,))) == KILL.at


def test_scenarios_without_a_run_are_told_apart_and_those_for_others_left_out() -> None:
    all_of_them = certificate(scenario("killed"), scenario("away", "SKIP"), scenario("client", applies=False))
    shown = matrix(all_of_them, [played(column="batch 2")], 3)
    assert [row.scenario for row in shown.rows] == ["killed"]
    assert [row.scenario for row in shown.quiet] == ["away"]
    assert [column.id for column in shown.columns] == ["batch 1", "batch 2", "batch 3"]


def test_what_failed_stands_on_top_and_what_was_played_in_vain_has_its_row() -> None:
    all_of_them = certificate(
        scenario("good"),
        scenario("doubtful", "INVALID"),
        scenario("in-vain", "SKIP", applies=False),
        scenario("bad", "FAIL"),
    )
    names = ("good", "doubtful", "in-vain", "bad")
    shown = matrix(all_of_them, [played(name) for name in names], 3)
    assert [row.scenario for row in shown.rows] == ["bad", "doubtful", "good", "in-vain"]


def test_what_was_planned_and_not_played_has_its_place() -> None:
    open_ = {"number": 4, "plan": "kill server at batch 3", "at": KILL.to_json()["at"], "why": "time"}
    of_scenario = {**scenario("killed"), "unplayed": [open_, {"plan": "torn"}]}
    shown = matrix(certificate(of_scenario), [played()], 4)
    [one] = shown.unplayed
    assert (one.number, one.plan, one.why, one.column) == (4, "25 % into batch 3", "time", "batch 3")
    assert shown.columns == ()  # where no run stands there is no column


# --- the head


def test_the_harm_itself_is_the_headline() -> None:
    broken = Finding(
        "records.duplicated", "p", "5 are twice: 'a'", "", "", "p/killed/0001", "kill", "x", ("killed",), "", "f"
    )
    bad = played(verdict="FAIL", broke=("records.duplicated",), reported=55)
    told = head(certificate(scenario("killed", "FAIL"), verdict="FAIL"), [bad, played(name="0002")], [broken], 50)
    assert (told.headline, told.harm, told.featured) == ("50 records in,", "55 out", bad.id)
    assert told.lede == "The server is killed: 5 are twice. One of 2 runs fails."
    assert told.failing == 1


@pytest.mark.parametrize(
    ("message", "harm"),
    [("the job did not resume: it ended with no", "The job did not resume"), ("1 record is lost", "Records are lost")],
)
def test_a_job_that_did_not_resume_is_not_headed_as_lost_records(message: str, harm: str) -> None:
    broken = Finding("records.lost", "p", message, "", "", "p/killed/0001", "kill", "x", ("killed",), "", "f")
    bad = played(verdict="FAIL", broke=("records.lost",))
    assert head(certificate(scenario("killed", "FAIL"), verdict="FAIL"), [bad], [broken], 50).harm == harm


def test_what_was_not_assessed_stands_beside_what_was_earned() -> None:
    told = head(certificate(scenario("one", level=1), scenario("killed", "FAIL")), [played()], [], 50)
    [subject] = told.subjects
    assert [rung.standing for rung in subject.rungs] == ["earned", "not earned", *["not assessed"] * 3]
    assert subject.rungs[1].why == "1 of 1 scenario failed"
    assert subject.rungs[2].why == "not asked for: --level 3"
    assert subject.rungs[4].why == "this version does not certify it"
    assert "fsync" in told.limits[0]


@pytest.mark.parametrize(
    ("selection", "why"),
    [
        ({"budget": "quick"}, "a first look earns one star at most"),
        ({"budget": "core", "scenarios": ["killed"]}, "certain scenarios were asked for, and no level"),
        ({"budget": "core"}, "not asked for: --level 3"),
        (None, "not asked for: --level 3"),
    ],
)
def test_why_a_level_was_not_assessed_is_said(selection: dict[str, Any] | None, why: str) -> None:
    [subject] = head(certificate(scenario("killed"), selection=selection), [played()], [], 50).subjects
    assert (subject.rungs[2].standing, subject.rungs[2].why) == ("not assessed", why)


def test_a_session_that_passed_says_so_and_shows_the_run_with_the_most_deaths() -> None:
    runs = [played(name="0001"), played(name="0002", kills=3), played(name="0003", kills=9, verdict="INVALID")]
    told = head(certificate(scenario("killed")), runs, [], 50)
    assert told.headline == "3 faults. Nothing lost, nothing twice."
    assert (told.harm, told.featured) == ("", "p/killed/0002")
    assert told.lede.endswith("In each of the 2 that count every invariant held that applies; 1 more proves nothing.")
    assert head(certificate(scenario("killed")), runs[:2], [], 50).lede.endswith(
        "In each of them every invariant held that applies."
    )


def test_a_session_that_was_cut_claims_nothing() -> None:
    cut = certificate(scenario("killed", "INVALID", reason="too late"), verdict="INVALID", finished=False)
    told = head(cut, [played(verdict="INVALID")], [], 50)
    assert told.headline == "Nothing more is proven"
    assert "The session was cut short" in told.lede
    assert "killed: too late" in told.lede


# --- figures


def test_figures_are_of_the_runs_and_say_what_is_beyond() -> None:
    runs = [played(recoveries=(0.5, 2.0), again=12), played("other", again=3), played("quiet", faults=0, again=9)]
    told = figures(
        certificate(scenario("killed", fell=[1, 2]), scenario("other", fell=[3, 4])),
        runs,
        {"recovery_deadline_s": 1},
        5,
    )
    assert [(s.name, s.values, s.beyond) for s in told.recovery] == [("killed", (0.5, 2.0), 1)]
    assert [(s.name, s.most, s.beyond) for s in told.rework] == [("killed", 12.0, 1), ("other", 3.0, 0)]
    assert (told.fell, told.claim_s, told.memory) == ((4, 6), 1.0, ())


def test_very_many_values_are_thinned_and_the_extremes_stay() -> None:
    told = figures(certificate(), [played(recoveries=tuple(n / 10 for n in range(5000)))], {}, 5)
    assert len(told.recovery[0].values) <= 200
    assert (told.recovery[0].values[0], told.recovery[0].most, told.claim_s) == (0.0, 499.9, None)


# --- comparison


def told(*found: dict[str, Any], scenarios: tuple[str, ...] = ("killed",), verdict: str = "PASS") -> dict[str, Any]:
    names = {f["scenario"] for f in found}
    return certificate(
        *(
            scenario(name, "FAIL" if name in names else verdict, findings=[f for f in found if f["scenario"] == name])
            for name in (*scenarios, *sorted(names - set(scenarios)))
        )
    )


@pytest.mark.parametrize(
    ("now", "before", "status"),
    [
        (told(finding()), [told()], Status.NEW),
        (told(finding(message="in other words")), [told(finding())], Status.KNOWN),
        (told(), [told(finding())], Status.MENDED),
        (told(scenarios=("other",)), [told(finding())], Status.NOT_LOOKED_FOR),
        (told(verdict="INVALID"), [told(finding())], Status.NOT_LOOKED_FOR),
        (told(finding("records.content")), [told(finding())], Status.NOT_LOOKED_FOR),
        (told(finding()), [told(), told(finding())], Status.REAPPEARED),
        (told(finding()), [told(finding()), told()], Status.KNOWN),
    ],
)
def test_a_finding_is_new_known_mended_or_back(
    now: dict[str, Any], before: list[dict[str, Any]], status: Status
) -> None:
    compared = compare(now, before)
    assert compared is not None
    [lost] = [change for change in compared.changes if change.invariant == "records.lost"]
    assert lost.status is status


def test_there_is_nothing_to_compare_with_where_there_was_nothing_before() -> None:
    assert compare(told(finding()), []) is None


def test_a_fingerprint_is_of_what_and_where_and_not_of_words() -> None:
    assert of_finding(finding(message="x")) == of_finding(finding(message="y"))
    assert len({of_finding(finding(i, s)) for i in ("records.lost", "records.count") for s in ("a", "b")}) == 4


def test_what_is_not_alike_in_two_sessions_is_said() -> None:
    other = certificate(scenario("killed"), seed=7, subject={"p": {"digest": "e"}}, environment={"mcp_crashtest": "0"})
    compared = compare(certificate(scenario("killed")), [other])
    assert compared is not None
    assert compared.notes == (
        "other plans were played: seed 0, and 7 then",
        "the profile has changed: p",
        "judged by mcp-crashtest 1, and by 0 then",
    )


# --- words


def test_words() -> None:
    assert [ordinal(n) for n in (1, 10, 11, 21, 22, 113)] == ["first", "tenth", "11th", "21st", "22nd", "113th"]
    assert (duration(0.0154), duration(2)) == ("15 ms", "2.00 s")
    assert (listed([]), listed(["a"]), listed(["a", "b", "c"])) == ("", "a", "a, b and c")
    assert clean("a\x1b[1m\nb\x00", 100) == "a\N{REPLACEMENT CHARACTER}[1m\nb\N{REPLACEMENT CHARACTER}"
    assert clean("x" * 50, 10) == "x" * 10 + " ..."
    assert plain({"a": (Status.NEW, None), "b": played()})["a"] == ["new", None]


def test_folders_of_a_machine_are_taken_out_of_texts() -> None:
    assert (
        placeless("at /srv/some/where/app.py:3, http://127.0.0.1:80/a/b/c") == "at app.py:3, http://127.0.0.1:80/a/b/c"
    )
    assert placeless("\n/srv/some/report/kept/p", "/srv/some/report") == "\nkept/p"
