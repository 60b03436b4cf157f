"""The conductor, on a stage without processes: the order of landings and healings, and every way a run ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mcp_crashtest.faults.acts import FAULTS
from mcp_crashtest.laboratory.conductor import conduct
from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.coordinates import Batch, During, Moment, Phase, Since
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.faults import KINDS, Fault, Victim
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.plan import Absence, Plan
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage
from mcp_crashtest.subjects.process import Exit
from tests.harness.stage.scripted import Scripted, scripted

SEEN = Batch(1, Phase.OBSERVED)
KILL = Fault("kill", Victim.SERVER, SEEN)


def plan(*faults: Fault, absence: Absence = Absence.AT_ONCE) -> Plan:
    return Plan("s", "p", faults, absence)


async def play(made: Scripted, *done: float, finish: bool = True) -> History:
    """Play a stage's plan while its client sees so much done, a step at a time, and then the end."""
    playing = asyncio.create_task(conduct(made.stage))
    await _settled(made)
    for seen in done:
        made.client.sees(seen)
        await _settled(made)
    if finish and not playing.done():
        made.client.finish()
    return await playing


async def _logged(made: Scripted, line: str) -> None:
    """Something has been done."""
    async with asyncio.timeout(5):
        while line not in made.log:  # noqa: ASYNC110  the log is a list
            await asyncio.sleep(0.005)


async def _settled(made: Scripted) -> None:
    """Nothing has been done for a while in which this process had its processor: a late wake-up shows nothing."""
    loop = asyncio.get_running_loop()
    quiet = 0
    while quiet < 2:
        before, since = len(made.log), loop.time()
        await asyncio.to_thread(bool)  # what waits for a thread has had its turn
        await asyncio.sleep(0.02)
        on_time = loop.time() - since < 0.03
        quiet = quiet + 1 if on_time and len(made.log) == before else 0


def faults_of(history: History) -> list[tuple[str, Type]]:
    return [(event.value["fault"], event.type) for event in history.of(Op.FAULT)]


def reason(history: History) -> str:
    [end] = history.of(Op.END)
    return str(end.value["reason"])


def test_there_is_an_act_for_every_kind_of_fault() -> None:
    assert set(FAULTS) == set(KINDS)


@pytest.mark.asyncio
async def test_a_run_without_faults_begins_and_ends(tmp_path: Path) -> None:
    made = scripted(plan(), tmp_path)
    history = await play(made)
    assert made.log == ["boot 1", "start client 1", "close client", "kill server 1"]
    assert [event.op for event in history.operations] == [Op.EXPECT, Op.BOOT, Op.DEATH, Op.END]
    assert reason(history) == "output"
    assert not made.stage.stray


@pytest.mark.asyncio
async def test_a_fault_is_journalled_before_it_is_done_and_again_with_its_proof(tmp_path: Path) -> None:
    made = scripted(plan(KILL), tmp_path)
    history = await play(made, 1, 2)
    assert made.log[2:5] == ["kill server 1", "the client meets a closed door", "boot 2"]
    assert faults_of(history) == [(str(KILL), Type.INVOKE), (str(KILL), Type.OK)]
    [_, landed] = history.of(Op.FAULT)
    assert (landed.value["kills"], landed.value["done"], landed.value["number"], landed.life) == (1, 2, 1, 1)
    assert [event.life for event in history.of(Op.BOOT)] == [1, 2]


@pytest.mark.asyncio
async def test_a_kill_has_hit_no_job_whose_output_was_on_its_way_before_the_server_was_dead(tmp_path: Path) -> None:
    made = scripted(plan(KILL), tmp_path)
    playing = asyncio.create_task(conduct(made.stage))
    await _settled(made)
    made.site.lives[0].meanwhile = made.client.finish
    made.client.sees(1)
    await _settled(made)
    made.client.sees(2)
    history = await playing
    assert faults_of(history) == [(str(KILL), Type.INVOKE)]
    assert "boot 2" not in made.log
    assert (reason(history), made.stage.stray) == ("output", False)


@pytest.mark.asyncio
async def test_both_are_killed_and_both_come_back_the_server_first(tmp_path: Path) -> None:
    made = scripted(plan(Fault("kill", Victim.BOTH, SEEN)), tmp_path)
    await play(made, 2)
    assert made.log[2:6] == ["kill server 1", "kill client 1", "boot 2", "start client 2"]


@pytest.mark.asyncio
async def test_crash_points_are_armed_for_the_faults_that_are_still_to_land(tmp_path: Path) -> None:
    first, second = (Fault("kill", Victim.SERVER, Batch(n, Phase.ACKNOWLEDGED)) for n in (1, 2))
    made = scripted(plan(first, second), tmp_path)
    playing = asyncio.create_task(conduct(made.stage))
    for life in (0, 1):
        await _settled(made)
        made.site.lives[life].park()
        made.stage.stir()
    await _settled(made)
    made.client.finish()
    await playing
    assert [line for line in made.log if line.startswith("boot")] == [
        "boot 1 batch 1, acknowledged batch 2, acknowledged",
        "boot 2 batch 2, acknowledged",
        "boot 3",
    ]


@pytest.mark.asyncio
async def test_a_server_that_is_parked_goes_on_when_only_its_client_was_hit(tmp_path: Path) -> None:
    made = scripted(plan(Fault("kill", Victim.CLIENT, Batch(1, Phase.ACKNOWLEDGED))), tmp_path)
    playing = asyncio.create_task(conduct(made.stage))
    await _settled(made)
    made.site.lives[0].park()
    made.stage.stir()
    await _settled(made)
    made.client.finish()
    await playing
    assert made.log[2:5] == ["kill client 1", "start client 2", "go on server 1"]


@pytest.mark.asyncio
async def test_while_the_server_is_away_its_client_dies_and_comes_back_twice(tmp_path: Path) -> None:
    dies = Fault("kill", Victim.CLIENT, During(1))
    made = scripted(plan(KILL, dies, dies), tmp_path)
    await play(made, 2)
    door = "the client meets a closed door"
    assert made.log[2:-2] == [
        "kill server 1",
        door,
        "kill client 1",
        "start client 2",
        door,
        "kill client 2",
        "start client 3",
        door,
        "boot 2",
    ]


@pytest.mark.asyncio
async def test_a_fault_that_lasts_is_healed_where_its_until_says(tmp_path: Path) -> None:
    lasting = Fault("kill", Victim.SERVER, SEEN, until=Moment(500, Since.FAULT))
    made = scripted(plan(lasting), tmp_path)
    playing = asyncio.create_task(conduct(made.stage))
    await _settled(made)
    began = asyncio.get_running_loop().time()
    made.client.sees(2)
    await _logged(made, "boot 2")
    assert asyncio.get_running_loop().time() - began >= 0.15  # half of the undisturbed 0.3 s
    made.client.finish()
    await playing


@pytest.mark.asyncio
async def test_a_client_stays_away_as_long_as_the_plan_says(tmp_path: Path) -> None:
    made = scripted(plan(Fault("interrupt", Victim.CLIENT, SEEN), absence=Absence.AFTER_TWO), tmp_path)
    playing = asyncio.create_task(conduct(made.stage))
    await _settled(made)
    began = asyncio.get_running_loop().time()
    made.client.sees(2)
    await _logged(made, "start client 2")
    assert asyncio.get_running_loop().time() - began >= 0.25  # two and a half batches of 0.1 s
    made.client.finish()
    await playing


@pytest.mark.asyncio
async def test_without_proof_the_run_ends_and_nothing_is_started_again(tmp_path: Path) -> None:
    made = scripted(plan(KILL, KILL), tmp_path, escaping=frozenset({1}))
    history = await play(made, 2)
    assert faults_of(history) == [(str(KILL), Type.INVOKE), (str(KILL), Type.FAIL)]
    assert reason(history) == "a fault could not be proven"
    assert made.stage.stray
    assert "boot 2" not in made.log


@pytest.mark.asyncio
async def test_a_victim_that_had_ended_by_itself_was_not_hit(tmp_path: Path) -> None:
    made = scripted(plan(Fault("kill", Victim.CLIENT, SEEN)), tmp_path)
    made.client.gets_away = True
    history = await play(made, 2)
    assert [type_ for _, type_ in faults_of(history)] == [Type.INVOKE]
    assert not made.stage.stray
    assert "start client 2" not in made.log


@pytest.mark.asyncio
async def test_a_run_that_is_over_before_its_fault_lands_nothing(tmp_path: Path) -> None:
    history = await play(scripted(plan(KILL), tmp_path), 1)
    assert faults_of(history) == []
    assert reason(history) == "output"


@pytest.mark.asyncio
async def test_a_run_that_nothing_moves_any_more_is_stalled(tmp_path: Path) -> None:
    history = await play(scripted(plan(KILL), tmp_path, silence_s=0.1), finish=False)
    assert reason(history) == "stalled"


@pytest.mark.asyncio
async def test_a_server_that_ends_by_itself_ends_the_run_under_its_own_lifes_number(tmp_path: Path) -> None:
    made = scripted(plan(KILL, KILL), tmp_path)
    playing = asyncio.create_task(conduct(made.stage))
    await _settled(made)
    made.site.lives[0].end(Exit(code=1))
    history = await playing
    assert [(event.life, event.value["how"]) for event in history.of(Op.EXIT)] == [(1, "exit code 1")]
    assert reason(history) == "the server ended by itself"


@pytest.mark.asyncio
async def test_a_server_that_ends_in_an_undisturbed_run_is_the_subjects_error_and_the_history_is_whole(
    tmp_path: Path,
) -> None:
    made = scripted(plan(), tmp_path)
    playing = asyncio.create_task(conduct(made.stage))
    await _settled(made)
    made.site.lives[0].end(Exit(code=1))
    with pytest.raises(SubjectError, match=r"exit code 1 in the middle of an undisturbed run; its last words:\nlast"):
        await playing
    assert [event.op for event in made.site.folder.history().of(Op.END)] == [Op.END]


# --- acts


@pytest.mark.asyncio
@pytest.mark.parametrize("over", [False, True])
async def test_what_is_behind_the_yield_of_an_act_does_not_happen_once_the_run_is_over_but_finally_does(
    tmp_path: Path, over: bool
) -> None:
    done: list[str] = []

    @asynccontextmanager
    async def act(stage: Stage, _fault: Fault) -> AsyncIterator[Proof | None]:
        try:
            yield Proof(True, "done")
            done.append("healed")
        finally:
            done.append("cleaned up")

    lasting = Fault("drop", Victim.CLIENT, SEEN, until=Batch(2, Phase.OBSERVED))
    made = scripted(plan(lasting), tmp_path)
    playing = asyncio.create_task(conduct(made.stage, {"drop": act}))
    await _settled(made)
    made.client.sees(2)
    await _settled(made)
    if not over:
        made.client.sees(4)
        await _settled(made)
    made.client.finish()
    await playing
    assert done == (["cleaned up"] if over else ["healed", "cleaned up"])


@pytest.mark.asyncio
async def test_a_lab_that_fails_leaves_a_whole_history(tmp_path: Path) -> None:
    @asynccontextmanager
    async def act(stage: Stage, _fault: Fault) -> AsyncIterator[Proof | None]:
        if stage.lives:
            raise OSError("no space left")
        yield None

    made = scripted(plan(Fault("drop", Victim.CLIENT, SEEN)), tmp_path)
    playing = asyncio.create_task(conduct(made.stage, {"drop": act}))
    await _settled(made)
    made.client.sees(2)
    with pytest.raises(OSError, match="no space left"):
        await playing
    assert made.log[-2:] == ["close client", "kill server 1"]
    [end] = made.site.folder.history().of(Op.END)
    assert end.value["reason"] == "broken off"


def test_the_second_client_joins_behind_the_last_fault_once_the_server_is_back(tmp_path: Path) -> None:
    made = scripted(Plan("s", "p", (KILL,), companion=Companion.SAME_JOB), tmp_path)
    asyncio.run(play(made, 2))
    joined = made.log.index("a second client joins")
    assert made.log.index("boot 2") < joined


def test_in_an_afterlife_the_second_client_joins_a_life_that_nobody_has_asked_before(tmp_path: Path) -> None:
    made = scripted(Plan("s", "p", (), afterlife=True, companion=Companion.ANOTHER_JOB_LATER), tmp_path)

    async def played() -> None:
        playing = asyncio.create_task(conduct(made.stage))
        await _settled(made)
        for _ in ("the first", "the second"):
            made.client.finish()
            await _settled(made)
        await playing

    asyncio.run(played())
    assert made.log.index("boot 2") < made.log.index("a second client joins")
    assert made.client.lives == 1
