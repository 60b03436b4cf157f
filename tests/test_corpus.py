"""What failed in an earlier session is played first by the next one, whether its server is mended or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.lab import THIRD_PARTY, Done, certify, lab, named

PROFILE = THIRD_PARTY / "crashtest.toml"
FLAWED = ("--command", f"{{python}} {THIRD_PARTY / 'memory_server.py'} --port {{port}}")
ASKED = ("--scenario", "undisturbed", "--scenario", "planned-restart")
OWN = '''
import pytest
from mcp_crashtest import Batch, Fault, Plan, Victim


@pytest.mark.crashtest(level=2)
def test_killed_late(crashtest):
    """The server is killed behind the last batch but one."""
    batches = crashtest.workload.records // crashtest.workload.batch
    fault = Fault("kill", Victim.SERVER, Batch(batches - 1, crashtest.boundary))
    crashtest.play([Plan(crashtest.scenario, crashtest.protocols[0], (fault,))])
'''
SILENT = (
    "killed-late of crashtest: 1 plan that failed in earlier sessions came first: 0 passed, "
    "1 could not be played or did not land, and said nothing"
)
FAILED = "planned-restart of crashtest: 1 plan that failed in earlier sessions came first: "


def session(report: Path, *more: str) -> Done:
    return certify(report, "--profile", PROFILE, *ASKED, *more)


def scenarios(done: Done) -> list[str]:
    return [s["id"] for s in done.certificate["scenarios"] if s["runs"]]


def notes(done: Done, scenario: str) -> Sequence[str]:
    found: Sequence[str] = named(done, scenario, "crashtest").get("notes", [])
    return [note for note in found if "earlier sessions" in note]


def test_a_flawed_server_is_found_out_in_the_first_run_and_a_mended_one_goes_on(tmp_path: Path) -> None:
    report = tmp_path / "report"
    first = session(report, *FLAWED, "--fail-fast")
    assert first.code == 1
    assert scenarios(first) == ["planned-restart"] or scenarios(first) == ["undisturbed", "planned-restart"]
    assert notes(first, "planned-restart") == []
    [finding] = named(first, "planned-restart", "crashtest")["findings"]

    again = session(report, *FLAWED, "--fail-fast")
    assert again.code == 1
    assert scenarios(again) == ["planned-restart"], "what failed comes before all others"
    found = named(again, "planned-restart", "crashtest")
    assert found["runs"] == 1
    assert [one["plan"] for one in found["findings"]] == [finding["plan"]]
    assert notes(again, "planned-restart") == [FAILED + "number 1 has failed again"]

    mended = session(report)
    assert mended.code == 0, mended.out + mended.err
    assert notes(mended, "planned-restart") == [FAILED + "1 passed"]
    assert notes(mended, "undisturbed") == []
    passed = named(mended, "planned-restart", "crashtest")
    assert passed["runs"] == passed["plans"] - passed["unplayed_in_all"] + 1, (
        "all that it plays otherwise is played behind them"
    )
    assert lab("recheck", report).code == 0


@pytest.mark.soak
def test_a_plan_that_does_not_land_any_more_says_nothing(tmp_path: Path) -> None:
    """The fourth batch, at which it fell, is none of a job that has become shorter."""
    own, short = tmp_path / "own", tmp_path / "crashtest.toml"
    own.mkdir()
    (own / "test_own.py").write_text(OWN, encoding="utf-8")
    text = PROFILE.read_text(encoding="utf-8").replace("{here}", str(THIRD_PARTY)).partition("\n[workload]")[0]
    for batches, code, said in ((5, 1, []), (2, 0, [SILENT])):
        short.write_text(f"{text}\n[workload]\nrecords = {10 * batches}\nbatch = 10\n", encoding="utf-8")
        flawed = FLAWED if code else ()
        done = certify(tmp_path / "report", "--profile", short, "--scenarios", own, "--seed", batches, *flawed)
        assert done.code == code, done.out + done.err
        assert notes(done, "killed-late") == said
        assert named(done, "killed-late", "crashtest")["runs"] == 1


@pytest.mark.soak
def test_a_shard_plays_its_own_plans_alone(tmp_path: Path) -> None:
    report = tmp_path / "report"
    assert session(report, *FLAWED, "--fail-fast").code == 1
    part = session(report, "--shard", "1/2")
    assert part.code in (0, 4), part.out + part.err
    assert [note for name in scenarios(part) for note in notes(part, name)] == []
