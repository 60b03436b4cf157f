"""Benches: several subjects are set up at once, and what is wrong with one of them is said when its turn comes."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.profiles import parse_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.probe import probed, worth_asking
from mcp_crashtest.model.coordinates import Batch, Moment, Phase, Since
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.wire.messages import SUPPORTED, SUPPORTED_ON_STDIO, is_stateless
from tests.lab import ROOT, SMALL, smaller


def test_who_cannot_start_is_told_in_his_turn_and_keeps_nobody_else_from_being_set_up(tmp_path: Path) -> None:
    right, wrong = read_profile(SMALL), read_profile(smaller(SMALL, tmp_path, name="wrong"))
    wrong = replace(wrong, subject=replace(wrong.subject, command="no-such-program-anywhere"))
    with Laboratory(Bundle(tmp_path / "report"), seed=0, jobs=2) as laboratory:
        assert laboratory.bench(right, [right, wrong]).golden is not None
        with pytest.raises(SubjectError, match="there is no program 'no-such-program-anywhere' to start"):
            laboratory.bench(wrong)
        with pytest.raises(SubjectError, match="as said above") as again:
            laboratory.bench(wrong)
    assert again.value.said


def test_the_rhythm_of_a_short_job_is_that_of_a_warm_run(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path / "report")
    profile = read_profile(smaller(SMALL, tmp_path))
    with Laboratory(bundle, seed=0, jobs=1) as laboratory:
        golden = laboratory.bench(profile).golden
    assert golden is not None
    assert golden.rhythm is not None
    paced = bundle.setting_up(profile, "pace").history()
    boots = [event.value["warm"] for event in paced.operations if event.op == "boot"]
    assert boots == [True]


def test_outcomes_come_back_in_the_order_of_their_plans_whichever_ends_first(tmp_path: Path) -> None:
    away = Moment(3000, Since.FAULT)  # for three times as long as the job takes
    faults = tuple(Fault("kill", Victim.SERVER, Batch(number, Phase.ACKNOWLEDGED), away) for number in (1, 3, 5))
    long, short = Plan("s", SUPPORTED[0], faults), Plan("s", SUPPORTED[0], ())
    ended: list[int] = []
    with Laboratory(Bundle(tmp_path / "report"), seed=0, jobs=2) as laboratory:
        bench = laboratory.bench(read_profile(SMALL))
        found = laboratory.play(bench, "s", [(1, long), (2, short)], lambda number, _: ended.append(number))
    assert ended == [2, 1], "the second one has less to do"
    assert [outcome.plan for outcome in found] == [long, short]


PIPED = ROOT / "tests" / "stdio" / "server.toml"


def test_over_stdio_every_revision_is_asked_for() -> None:
    assert worth_asking(Bench(read_profile(PIPED))) == SUPPORTED_ON_STDIO
    assert "2024-11-05" in SUPPORTED_ON_STDIO
    assert "2024-11-05" not in SUPPORTED


@pytest.mark.parametrize(
    ("profile", "kind", "victim", "why"),
    [
        (PIPED, "interrupt", Victim.CLIENT, "over stdio a client that leaves takes its server with it"),
        (PIPED, "drop", Victim.CLIENT, "over stdio there is no connection to lose"),
        (PIPED, "overlap", Victim.SERVER, None),
        (PIPED, "goodbye", Victim.SERVER, None),
        (PIPED, "kill", Victim.CLIENT, None),
        (SMALL, "goodbye", Victim.SERVER, "only a server on stdio is stopped so"),
        (SMALL, "drop", Victim.CLIENT, None),
    ],
)
def test_a_fault_that_makes_no_sense_over_a_transport_is_refused(
    profile: Path, kind: str, victim: Victim, why: str | None
) -> None:
    plan = Plan("s", SUPPORTED[0], (Fault(kind, victim, Batch(1, Phase.OBSERVED)),))
    bench = Bench(read_profile(profile))
    if why is None:
        bench.refuse_misplaced(plan)
    else:
        with pytest.raises(UsageError, match=why):
            bench.refuse_misplaced(plan)


def test_a_server_on_stdio_is_asked_in_a_life_for_each_revision(tmp_path: Path) -> None:
    """It answers the stateless era with silence, and dies of a revision that it does not know."""
    (tmp_path / "server.py").write_text(_PICKY)
    subject = {"command": f"{sys.executable} {{here}}/server.py"}
    tables = {"subject": subject, "contract": {"kind": "tool-task", "tool": "t", "status": {"tool": "s"}}}
    profile = parse_profile(tables, name="mine", source="mine.toml", folder=tmp_path)
    bench = asyncio.run(_probed(Bench(profile, cold=True), Bundle(tmp_path / "report")))
    assert bench.spoken == bench.protocols == ("2024-11-05",)
    assert set(bench.tools) == {"t"}


async def _probed(bench: Bench, bundle: Bundle) -> Bench:
    async with Spawner() as spawner:
        return await probed(bench, bundle, spawner)


_PICKY = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["method"] == "initialize":
        if asked["params"]["protocolVersion"] < "2025-06":
            spoken = "2024-11-05"
        elif asked["params"]["protocolVersion"] == "2025-11-25":
            spoken = "2024-11-05"
        else:
            sys.exit("what is that?")
        answer = {"protocolVersion": spoken, "capabilities": {}, "serverInfo": {"name": "picky"}}
    elif asked["method"] == "tools/list":
        answer = {"tools": [{"name": "t"}]}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": answer}), flush=True)
"""


@pytest.mark.parametrize(("kind", "all_of_them"), [("resource-task", True), ("tasks-extension", False)])
def test_an_extension_is_asked_for_in_the_era_that_can_declare_it(kind: str, all_of_them: bool) -> None:
    profile = read_profile(SMALL)
    bench = Bench(replace(profile, contract=replace(profile.contract, kind=type(profile.contract.kind)(kind))))
    asked = worth_asking(bench)
    assert (asked == SUPPORTED) is all_of_them
    assert all_of_them or all(is_stateless(protocol) for protocol in asked)


def test_runs_of_a_server_that_writes_in_its_own_folder_go_one_at_a_time_and_it_is_said(tmp_path: Path) -> None:
    path = smaller(SMALL, tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("--state-dir {state_dir}", f"--state-dir {tmp_path / 'store'}"), encoding="utf-8")
    with Laboratory(Bundle(tmp_path / "report"), seed=0, jobs=2) as laboratory:
        bench = laboratory.bench(read_profile(path))
        beside = laboratory.bench(read_profile(smaller(SMALL, tmp_path, name="beside")))
    assert bench.alone
    assert "it writes 'store/" in bench.why_alone
    assert not beside.alone


@pytest.mark.parametrize(("reset", "together"), [("sh tidy.sh {state_dir}", True), ("sh tidy.sh", False)])
def test_a_reset_of_what_lies_in_a_run_s_own_folder_keeps_nobody_waiting(reset: str, together: bool) -> None:
    profile = read_profile(SMALL)
    bench = Bench(replace(profile, subject=replace(profile.subject, reset=reset)))
    assert (not bench.alone) is together
    assert (bench.shared == ()) is together
