"""The table of speed: what stands in it, and that a benchmark which fails is named and not dropped."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cycle, judging, peers, refusals, table
from benchmarks.figures import Figure, Spread, at_least, at_most, told
from benchmarks.page import text
from benchmarks.peer_runs import Killed, Size, Undisturbed, killed, lost
from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.operation import Header, History, Op, Operation, Type

MACHINE = {"cores": 2, "architecture": "x86_64", "kernel": "Linux 6.1", "python": "3.11.7"}
FAST = Figure("cold | warm", Spread.of([31.0, 33.0, 35.0]), goal=at_least(20), reason="untold", beside="900 ms, 27 ms")
SLOW = Figure("a million judged", Spread.of([158.0]), "s", at_most(2), "all of it is read as JSON", "read in 4 s")
PLAIN = Figure("faults a second", Spread.of([1, 2, 3, 4, 100]), "")


def section(name: str, *figures: Figure, error: str | None = None) -> dict[str, Any]:
    return {
        "benchmark": name,
        "about": "What it measures.",
        "day": "2026-01-02",
        "took_s": 12.3,
        "load": [0.5, 2.0],
        "figures": [figure.to_json() for figure in figures],
        "notes": [],
        "error": error,
    }


def whole(*sections: dict[str, Any], quick: bool = False) -> dict[str, Any]:
    return {"format": table.FORMAT, "quick": quick, "machine": MACHINE, "sections": sections}


def test_a_row_has_the_median_the_spread_and_whether_the_goal_is_met() -> None:
    page = text(whole(section("restart", FAST, PLAIN)))
    assert "| cold / warm | 33 times | 31 to 35 | 3 | at least 20: met | 900 ms, 27 ms |" in page
    assert "| faults a second | 3  | 2 to 4 | 5 |  |  |" in page
    assert "1 of 1 goals are met." in page
    assert "2 cores (x86_64), Linux 6.1, Python 3.11.7" in page
    assert "load 0.5 before it, 2.0 after it" in page
    assert "untold" not in page


def test_behind_a_goal_that_is_not_met_stands_why() -> None:
    page = text(whole(section("judging", SLOW, FAST)))
    assert "| a million judged | 158 s | 158 to 158 | 1 | at most 2: **not met** | read in 4 s |" in page
    assert "- Not met, a million judged: all of it is read as JSON." in page
    assert "1 of 2 goals are met." in page


def test_small_sizes_are_said_to_be_no_figures() -> None:
    assert "--quick" not in text(whole(section("restart", FAST)))
    assert "--quick" in text(whole(section("restart", FAST), quick=True))


@pytest.mark.parametrize("figure", [FAST, SLOW, PLAIN], ids=lambda figure: figure.name)
def test_a_figure_comes_back_from_json(figure: Figure) -> None:
    back = Figure.from_json(json.loads(json.dumps(figure.to_json())))
    assert (back.spread, back.goal, back.met) == (figure.spread, figure.goal, figure.met)
    assert bool(back.reason) == (figure.met is False)


def test_a_benchmark_that_fails_is_in_the_table_with_what_it_said_last(tmp_path: Path) -> None:
    def run(name: str, quick: bool) -> tuple[Mapping[str, Any], str | None]:
        return ({"figures": [FAST.to_json()]}, None) if name == "restart" else ({}, "exit code 3: no | room")

    table.write(tmp_path, whole(*table.collected(["restart", "crowd"], run, quick=True)))
    page = (tmp_path / "benchmarks.md").read_text()
    assert "## crowd" in page
    assert "**It failed, and has no figures: exit code 3: no / room**" in page
    assert [s["error"] for s in json.loads((tmp_path / "benchmarks.json").read_text())["sections"]] == [
        None,
        "exit code 3: no | room",
    ]


@pytest.mark.parametrize(
    ("said", "complained", "code", "error"),
    [
        pytest.param(json.dumps({"figures": [FAST.to_json()]}), "", 0, None, id="figures"),
        pytest.param(json.dumps({"figures": [FAST.to_json()]}), "", 1, None, id="a claim does not hold"),
        pytest.param(json.dumps({"figures": [FAST.to_json()]}), "a\nb\n\n", -9, "exit code -9: b", id="killed"),
        pytest.param("", "Traceback\nOSError: no\n", 1, "it printed no figures: OSError: no", id="crashed"),
        pytest.param('{"figures": [{}]}', "", 0, "it printed no figures: it said nothing", id="another shape"),
        pytest.param("[]", "", 0, "it printed no figures: it said nothing", id="no object"),
    ],
)
def test_what_a_benchmark_has_printed_is_told_from_what_is_none(
    said: str, complained: str, code: int, error: str | None
) -> None:
    assert table.read(said, complained, code)[1] == error


def test_what_was_not_measured_again_stays_where_the_machine_is_the_same() -> None:
    fresh, old = [section("crowd", FAST)], whole(section("crowd", SLOW), section("restart", SLOW))
    assert [s["benchmark"] for s in table.merged(fresh, old, MACHINE)] == ["restart", "crowd"]
    assert table.merged(fresh, old, MACHINE)[1] is fresh[0]
    assert table.merged(fresh, old, {**MACHINE, "cores": 64}) == fresh
    assert table.merged(fresh, {**old, "quick": True}, MACHINE) == fresh
    assert table.merged(fresh, None, MACHINE) == fresh


@pytest.mark.parametrize(("name", "rows"), [("engine", 5), ("recovery", 1)])
def test_one_benchmark_is_run_to_its_end(name: str, rows: int) -> None:
    found, error = table.ran(name, True)
    assert error is None
    figures = [Figure.from_json(data) for data in found["figures"]]
    assert len(figures) == rows
    assert all(figure.goal and figure.spread.median > 0 for figure in figures)


@pytest.mark.parametrize(
    ("number", "said"), [(0.8234, "0.823"), (12.345, "12.3"), (1234.5, "1,234"), (100000, "100,000")]
)
def test_a_number_is_told_with_three_digits(number: float, said: str) -> None:
    assert told(number) == said


KILL = {"kind": "kill", "victim": "server"}
PROVEN = {**KILL, "stopped_at": 2.0, "signalled_at": 2.125, "reaped_at": 2.25}


def happened(*events: tuple[float, Type, Op, dict[str, Any]]) -> History:
    header = Header(0, "literal", {}, "literal", "", "resource-task", False, {}, {}, {})
    return History(header, [Operation(i, t, "lab", type_, op, value=v) for i, (t, type_, op, v) in enumerate(events)])


def test_a_runs_time_is_told_phase_by_phase() -> None:
    played = happened(
        (1.0, Type.OK, Op.BOOT, {"warm": True}),
        (1.5, Type.OK, Op.READY, {"elapsed_s": 0.5}),
        (2.0, Type.INVOKE, Op.FAULT, KILL),
        (2.5, Type.OK, Op.FAULT, PROVEN),
        (3.0, Type.OK, Op.BOOT, {"warm": False}),
        (3.25, Type.OK, Op.READY, {"elapsed_s": 0.25}),
        (4.0, Type.OK, Op.OUTPUT, {}),
        (4.5, Type.OK, Op.END, {}),
    )
    assert list(cycle.lives(played)) == [
        (cycle.BOOT, 0.5),
        (cycle.WORK, 0.5),
        (cycle.STOP, 0.125),
        (cycle.DEATH, 0.125),
        (cycle.PROOF, 0.25),
        (cycle.AWAY, 0.5),
        (cycle.COLD, 0.25),
        (cycle.WORK, 0.75),
        (cycle.LEAVING, 0.5),
    ]


def test_faults_a_second_are_held_against_their_goals_and_phases_beside_the_floor() -> None:
    fast = cycle.Session(10.0, 16.0, 160, 200, "PASS", {cycle.BOOT: [30.0, 50.0], cycle.WORK: [20.0]})
    slow = cycle.Session(40.0, 60.0, 160, 200, "PASS", {cycle.BOOT: [400.0]})
    keys = ("fork_exit_ms", "bind_ms", "answer_ms", "death_ms", "cycle_cpu_ms")
    found = cycle.Found({cycle.REFERENCE: [fast], cycle.STRANGER: [slow]}, slow, {key: [10.0] for key in keys})
    rows = {figure.name: figure for figure in cycle.figures(found)}
    rate = rows["faults a second, the reference server, whole certification"]
    assert (rate.spread.median, rate.met, rate.beside) == (16, True, "160 faults in 10.0 s, 16.0 s of CPU")
    ratio = rows["faults a second, a stranger's server against the reference server"]
    assert (ratio.spread.median, ratio.met) == (0.25, False)
    assert ratio.reason.startswith(
        "1.5 processors were busy, and of all runs' time went 100 % start to the first answer"
    )
    assert rows["200 kills of the reference server"].spread.median == 10
    assert rows["a first look (--quick) at a stranger's server"].met is False
    assert rows["CPU a fault against the floor's cycle, the reference server"].spread.median == 10
    boot = rows[f"the reference server: {cycle.BOOT}"]
    assert (boot.spread.median, boot.beside) == (40, "80 % of all runs' time; 4.0 times the floor")


def test_a_fault_on_a_client_is_no_death_of_the_server() -> None:
    client = {"kind": "kill", "victim": "client", "signalled_at": 1.0, "reaped_at": 2.0}
    assert list(cycle.lives(happened((1.0, Type.INVOKE, Op.FAULT, client), (2.0, Type.OK, Op.FAULT, client)))) == []


@pytest.mark.parametrize(("moved", "broken"), [(0, []), (2, ["records.reordered"]), (30, ["records.reordered"])])
def test_what_is_laid_down_to_be_judged_is_judged_as_a_run_would_be(
    tmp_path: Path, moved: int, broken: list[str]
) -> None:
    run = RunFolder(tmp_path / "run")
    judging.lay(run, 30, 20, moved=moved)
    judgement = judge(run.history())
    assert ([finding.invariant for finding in judgement.findings], judgement.unproven) == (broken, ())
    assert judgement.confirmed == 1
    assert judging.read_bare(run.path) == {}


def executed(*batches: str) -> list[tuple[tuple[str, str], float]]:
    """A second each, from the tenth on; the task and its batch are a letter each."""
    return [((batch[0], batch[1]), 10.0 + n) for n, batch in enumerate(batches)]


@pytest.mark.parametrize(
    ("ledger", "before", "came_to"),
    [
        pytest.param(executed("a1", "a2", "a3", "a4"), 2, Killed(4, 0.5, 0, 0), id="nothing is done again"),
        pytest.param(executed("a1", "a2", "a2", "a3", "a4"), 2, Killed(4, 1.5, 1, 0), id="one batch again"),
        pytest.param(executed("a1", "a2", "a1", "a2", "a3", "a4"), 2, Killed(4, 2.5, 2, 0), id="from the beginning"),
        pytest.param(executed("a1", "a2"), 2, Killed(4, None, 0, 2), id="it never goes on"),
        pytest.param(executed("a1", "b1", "b2"), 2, Killed(4, 0.5, 0, 1), id="one of two tasks is lost"),
    ],
)
def test_what_a_kill_has_cost_is_read_in_the_ledger(
    ledger: list[tuple[tuple[str, str], float]], before: int, came_to: Killed
) -> None:
    died_at = 9.5 + before
    assert lost(ledger, before, died_at, Size(2, 2)) == came_to


def test_a_peer_that_cannot_be_had_is_named_and_the_others_are_measured() -> None:
    reference, file, redis, *_ = peers.PEERS
    fast, slow = Undisturbed(3000, 2.0), Undisturbed(100, 50.0)
    found = {
        reference: peers.Found([fast, fast], [fast], [Killed(500, 0.25, 3, 0)]),
        file: peers.Found([slow, slow], [slow], [Killed(500, None, 0, 250)]),
        redis: peers.Found([], [], [], "there is no redis-server on this machine: apt-get install redis-server"),
    }
    rows = {figure.name: figure for figure in peers.figures(found)}
    assert rows[f"one task: the reference server's engine against {file.name}"].spread.median == 30
    assert rows[f"bytes written for a byte of a record, {file.name}"].spread.median == 50
    assert rows[f"from SIGKILL to something new, {reference.name}"].beside == "3 of 500 batches were done again"
    assert not any(redis.name in name for name in rows)
    told = "\n".join(peers.notes(found))
    assert f"{redis.name} could not be measured here: there is no redis-server on this machine" in told
    assert f"{file.name}: nothing new was done within" in told


def test_a_job_that_is_killed_half_way_goes_on_where_it_was() -> None:
    came_to = asyncio.run(killed(peers.PEERS[1], sys.executable, Size(2, 100)))
    assert (came_to.batches, came_to.missing) == (200, 0)
    assert came_to.again <= 101  # the batch under way, or all of a task whose file is torn
    assert came_to.recovery_s


@pytest.mark.parametrize("ratio", [1.25, 0.8], ids=["another's is slower", "the unknown one is slower"])
def test_a_refusal_that_tells_something_misses_its_goal_whichever_is_slower(ratio: float) -> None:
    found = {"ratio": ratio, "ratios": [ratio] * 8, "foreign_ms": ratio, "unknown_ms": 1.0}
    (figure,) = refusals.figures(found)
    assert figure.spread.median == pytest.approx(1.25)
    assert figure.met is False


def test_an_even_refusal_meets_its_goal() -> None:
    (figure,) = refusals.figures({"ratio": 0.95, "ratios": [0.9, 0.95, 1.0], "foreign_ms": 0.95, "unknown_ms": 1.0})
    assert figure.met


def test_the_memory_of_a_part_is_its_own_and_not_that_of_whoever_has_started_it(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    judging.lay(run, 30, 20)
    held = bytearray(b"x") * (200 << 20)
    assert judging.peak_mb() > 200
    assert judging.alone("bare", run.path).megabytes < 200
    assert len(held) == 200 << 20
