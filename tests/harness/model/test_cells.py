"""Which cells were hit, in literal histories; and that a level is not earned where an owed one was not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcp_crashtest.model.cells import BETWEEN, THIRDS, Cell, coverage_lines, covered, empty, hits, owed
from mcp_crashtest.model.coordinates import Batch, Syscall
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import History
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.reporting.stars import Listed, Selection, stars
from tests.harness.checkers.histories import boot, end, history, landed

EVERYWHERE = "server-killed-everywhere"


def ran(*numbers: int, scenario: str = EVERYWHERE, batches: int = 9, fell: bool = True) -> list[History]:
    """A run for each batch in which the server is killed."""
    found = []
    for number in numbers:
        fault = Fault("kill", Victim.SERVER, Batch(number, thousandths=500))
        events = [boot(), *([landed(fault)] if fell else []), end()]
        told = history(events, faults=[fault], workload=Workload(2 * batches, 2))
        found.append(replace(told, header=replace(told.header, scenario=scenario)))
    return found


def summary(runs: list[History]) -> dict[str, Any]:
    cells = covered((hits(run), owed(run)) for run in runs)
    said = {"id": EVERYWHERE, "profile": "p", "level": 1, "verdict": "PASS", "reason": "", "runs": len(runs)}
    return {**said, "coverage": cells}


def earned(scenario: dict[str, Any]) -> tuple[int, str | None]:
    [one] = stars([scenario], {"p": {}}, Selection(1), [Listed(EVERYWHERE, 1)])
    return one.earned, one.why


def test_kills_in_every_third_of_the_job_cover_what_is_owed() -> None:
    told = summary(ran(1, 5, 9))
    assert [(one["batch"], one["hits"], one["owed"]) for one in told["coverage"]] == [
        (third, 1, True) for third in sorted(THIRDS)
    ]
    assert empty(told) == []
    assert earned(told) == (1, None)
    assert coverage_lines([told]) == [
        "coverage: 3 of 3 cells that are owed (call x third of the job x victim x fault) were hit"
    ]


def test_a_level_with_a_third_in_which_nothing_fell_is_not_earned() -> None:
    told = summary(ran(1, 2, 4))
    hole = "kill of server in the last third of the job"
    assert empty(told) == [hole]
    assert earned(told) == (0, f"{EVERYWHERE}: no confirmed {hole}")
    assert coverage_lines([told])[1:] == [f"not covered: {EVERYWHERE} has no confirmed {hole}"]


def test_a_fault_that_has_not_landed_hits_nothing() -> None:
    assert len(empty(summary([*ran(1, 5), *ran(9, fell=False)]))) == 1


@pytest.mark.parametrize(("scenario", "batches"), [("random-kills", 9), (EVERYWHERE, 2)])
def test_nothing_is_owed_by_other_scenarios_and_by_jobs_without_thirds(scenario: str, batches: int) -> None:
    assert empty(summary(ran(1, scenario=scenario, batches=batches))) == []


def test_a_client_that_leaves_is_owed_where_something_is_left_to_do() -> None:
    [told] = ran(1, scenario="client-killed")
    assert set(owed(told)) == {Cell("kill", "client", BETWEEN, third) for third in THIRDS[:2]}


def before_a_call(name: str, what: str, *, fell: bool) -> History:
    at = Syscall("call", 7, what)
    fault = Fault("kill", Victim.SERVER, at)
    value = landed(fault)[-1].value | {"name": name, "done": 4}
    told = history([boot(), *([[replace(landed(fault)[-1], value=value)]] if fell else []), end()])
    plan = Plan("every-call", "2026-07-28", ()).to_json() | {"faults": [fault.to_json()]}
    return replace(told, header=replace(told.header, scenario="every-call", plan=plan))


def test_each_class_of_calls_is_owed_before_which_a_fault_was_planned() -> None:
    write = before_a_call("pwrite jobs.db", "the write of 4 bytes to jobs.db, in batch 3", fell=True)
    sync = before_a_call("fsync jobs.db", "the fsync of jobs.db, in batch 3", fell=False)
    told = summary([write, sync])
    assert [(one["call"], one["batch"], one["hits"]) for one in told["coverage"]] == [
        ("sync", "last third", 0),
        ("write", "last third", 1),
    ]
    assert empty(told) == ["kill of server before a call of the class sync in the last third of the job"]
