"""Planned restarts of several servers: all at once, or one after the other, and only while there is something to do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.proof import NOTHING_RESTARTED
from mcp_crashtest.model.service_spec import ServiceSpec
from mcp_crashtest.model.verdict import Judgement, Verdict
from mcp_crashtest.subjects.process import Exit, KillProof
from mcp_crashtest.subjects.services import Service
from mcp_crashtest.subjects.trace import Trace
from tests.harness.laboratory.test_conductor import play
from tests.harness.stage.scripted import Scripted, scripted
from tests.mutants.zoo import MUTANTS

STOPPED = Exit(code=0)
PROFILES = Path(__file__).parents[3] / "scenarios" / "profiles"
BESIDE = "{python} -m mcp_crashtest.subjects.round_robin --port {port} {subject_port}"


@dataclass(eq=False)
class ScriptedServer:
    """Another server. It stops where it is told to unless it ``stays``; ``finishes``: then it does all of the job."""

    made: Scripted
    spec: ServiceSpec
    stays: bool = False
    finishes: bool = False
    exited: Exit | None = None
    expected_to_end: bool = False
    started_at: float | None = None
    ready_at: float | None = None
    trace: Trace = field(default_factory=Trace)

    @property
    def name(self) -> str:
        return self.spec.name

    async def stop(self, _grace_s: float) -> KillProof:
        self.made.log.append(f"stop {self.name}")
        self.exited = STOPPED
        if self.finishes:
            self.made.client.done = 6
        return KillProof(not self.stays, "it lives on" if self.stays else "stopped", STOPPED, (), 0.0)

    async def restart(self) -> None:
        self.made.log.append(f"start {self.name}")
        self.exited = None

    async def wait_exit(self, _deadline_s: float) -> Exit:
        return await asyncio.Future()


def three(folder: Path, kind: str, **second: Any) -> Scripted:
    """A stage with two servers beside the subject, and a database that is none."""
    made = scripted(Plan("s", "p", (Fault(kind, Victim.SERVER, Batch(1, Phase.OBSERVED)),)), folder)
    others = [
        ScriptedServer(made, ServiceSpec("second", server=True), **second),
        ScriptedServer(made, ServiceSpec("third", server=True)),
        ScriptedServer(made, ServiceSpec("db")),
    ]
    made.site.services = [cast(Service, one) for one in others]
    return made


def done(history: History) -> tuple[Type, str]:
    """What became of the fault."""
    _, landed = history.of(Op.FAULT)
    return landed.type, str(landed.value["reason"])


def orders(made: Scripted) -> list[str]:
    """What the servers were told, in order; the order among those that are told at once is nobody's matter."""
    return [line for line in made.log if line.startswith(("terminate", "stop", "start second", "start third", "boot"))]


def test_all_are_told_before_any_of_them_is_started_again(tmp_path: Path) -> None:
    made = three(tmp_path, "terminate")
    history = asyncio.run(play(made, 2))
    assert done(history)[0] is Type.OK
    first, *told = orders(made)
    assert first == "boot 1"
    assert sorted(told[:3]) == ["stop second", "stop third", "terminate server 1"]
    assert sorted(told[3:]) == ["boot 2", "start second", "start third"]
    [away] = history.of(Op.AWAY)
    assert away.value["grew"] == []


def test_in_a_rolling_restart_each_is_started_before_the_next_is_told(tmp_path: Path) -> None:
    made = three(tmp_path, "roll")
    assert done(asyncio.run(play(made, 2)))[0] is Type.OK
    each = ["terminate server 1", "boot 2", "stop second", "start second", "stop third", "start third"]
    assert orders(made) == ["boot 1", *each]


@pytest.mark.parametrize(("dead", "looks"), [((), 0), ((0,), 0), ((0, 1), 1)], ids=["none", "one", "all"])
def test_nobody_may_work_once_all_of_them_are_dead(tmp_path: Path, dead: tuple[int, ...], looks: int) -> None:
    made = three(tmp_path, "kill")
    for number in dead:
        cast(ScriptedServer, made.site.services[number]).exited = STOPPED
    assert len(list(asyncio.run(play(made, 2)).of(Op.AWAY))) == looks


@pytest.mark.parametrize("kind", ["terminate", "roll"])
def test_where_the_job_was_done_behind_the_word_nothing_was_restarted(tmp_path: Path, kind: str) -> None:
    type_, reason = done(asyncio.run(play(three(tmp_path, kind, finishes=True), 2)))
    assert type_ is not Type.OK
    assert NOTHING_RESTARTED in reason


@pytest.mark.parametrize("kind", ["terminate", "roll"])
def test_where_one_of_them_lives_on_nothing_is_proven(tmp_path: Path, kind: str) -> None:
    type_, reason = done(asyncio.run(play(three(tmp_path, kind, stays=True), 2)))
    assert (type_, reason) == (Type.FAIL, "it lives on")


def played(folder: Path, name: Path, kind: str, at: Batch) -> tuple[Judgement, History]:
    """A real server, with another process beside it that is restarted too."""
    other = ServiceSpec("second", command=BESIDE, server=True, preload=("asyncio",))
    profile = replace(read_profile(name), services=(other,))
    with Laboratory(Bundle(folder), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(profile)
        plan = Plan("s", bench.protocols[0], (Fault(kind, Victim.SERVER, at),))
        [outcome] = laboratory.play(bench, "s", [(1, plan)], lambda *_: None)
    return outcome.judgement, outcome.folder.history()


@pytest.mark.parametrize("kind", ["terminate", "roll"])
def test_what_a_server_drops_is_found_when_it_is_restarted_with_others(tmp_path: Path, kind: str) -> None:
    judgement, _ = played(tmp_path, MUTANTS["drops_at_stop"].profile, kind, Batch(3, thousandths=500))
    assert judgement.verdict is Verdict.FAIL
    assert "records.lost" in {finding.invariant for finding in judgement.findings}


def test_who_drops_nothing_passes_and_the_other_has_lived_twice(tmp_path: Path) -> None:
    at = Batch(2, Phase.COMMITTED_UNACKNOWLEDGED)
    judgement, history = played(tmp_path, PROFILES / "reference-durable.toml", "terminate", at)
    assert (judgement.verdict, judgement.confirmed) == (Verdict.PASS, 1), judgement
    assert [o.value["name"] for o in history.of(Op.SERVICE)] == ["second", "second"]
    deaths = [o.value["how"] for o in history.of(Op.DEATH) if o.value["name"] == "second"]
    assert deaths[0] == "SIGTERM"
