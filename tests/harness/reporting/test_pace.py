"""The time that is left follows what runs really take, and is said anew where it was far off."""

from __future__ import annotations

import io

from rich.console import Console

from mcp_crashtest.model.events import Estimated, RunPlayed, RunsPlanned, TrialBegan, TrialEnded
from mcp_crashtest.reporting.console import ConsoleFace
from mcp_crashtest.reporting.pace import Pace


def under_way(played: int, now: float, *, runs: int = 100, seconds: float = 100.0) -> tuple[Pace, float | None]:
    pace = Pace()
    pace.foretold(runs, seconds, 1000.0)
    pace.played = played
    return pace, pace.correction_s(1000.0 + now)


def test_runs_that_take_what_was_foretold_need_no_correction() -> None:
    assert under_way(20, 20.0)[1] is None
    assert under_way(20, 27.0)[1] is None, "a little longer"


def test_runs_that_take_seven_times_as_long_are_said_once_and_not_again_at_the_same_pace() -> None:
    pace, said = under_way(20, 140.0)
    assert said == 560.0
    pace.played = 30
    assert pace.correction_s(1210.0) is None
    pace.played = 60
    assert pace.correction_s(1240.0) == 160.0, "it has become faster"


def test_a_few_runs_and_a_few_seconds_say_nothing() -> None:
    assert under_way(2, 100.0)[1] is None
    assert under_way(9, 27.0, runs=10, seconds=10.0)[1] is None
    assert under_way(100, 700.0)[1] is None, "nothing is left"


def test_runs_that_are_not_played_after_all_are_not_waited_for() -> None:
    pace = Pace()
    pace.foretold(100, 100.0, 0.0)
    pace.played = 20
    pace.left_out(60)
    assert pace.left_s(40.0) == 40.0


def test_whoever_reads_a_log_is_told_behind_the_scenario() -> None:
    out, now = io.StringIO(), [0.0]
    face = ConsoleFace(Console(file=out, width=200), "report", clock=lambda: now[0])
    face(Estimated("server", 100, 100.0, 100))
    face(TrialBegan("server", "kills", 2, ""))
    face(RunsPlanned("server", "kills", 20))
    for number in range(20):
        face(RunPlayed("server", "kills", number, "", "", "PASS", 1, 1, ""))
    now[0] = 140.0
    summary = {"profile": "server", "id": "kills", "verdict": "PASS", "runs": 20}
    face(TrialEnded({**summary, "faults_confirmed": 20, "kills_confirmed": 20}))
    assert "about 9 min are left, by the 20 runs up to now" in out.getvalue()


def test_why_each_start_is_a_cold_one_is_said_before_the_first_scenario_and_only_where_it_is() -> None:
    out = io.StringIO()
    face = ConsoleFace(Console(file=out, width=200), "report")
    face(Estimated("mine", 10, 100.0, 10, cold="2 threads are left"))
    face(Estimated("other", 10, 10.0, 10))
    said = out.getvalue().splitlines()
    assert said[0] == "mine: about 10 runs, about 100 s; each start a cold one: 2 threads are left"
    assert said[1] == "other: about 10 runs, about 10 s"
