"""Bundles for the page, written as a session writes them, from literal histories; nothing is played."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.events import RunPlayed, TrialEnded
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import History, Op, Operation, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.reporting.stars import Listed, Selection
from mcp_crashtest.reporting.tally import Tally
from tests.harness.checkers import histories as H

RECORDS, BATCH = 50, 5
PROFILE, EVERYWHERE, LEAVES = "literal", "server-killed-everywhere", "client-interrupted"
INTERRUPT = Fault("interrupt", Victim.CLIENT, Batch(2, thousandths=400))
COMMAND = "{python} server.py --port {port}"


def names(*places: range) -> list[str]:
    return [f"record-{n:06d}" for part in places for n in part]


def rows(found: list[str]) -> list[list[str]]:
    return [[name, "9f" * 8] for name in found]


def played(fault: Fault | None, *, doubled: bool = False, hostile: str = "") -> tuple[History, list[str]]:
    """A run of fifty records with this fault, and its ledger; ``doubled``: its second batch is there twice."""
    done = names(range(10), range(5, 50)) if doubled else names(range(50))
    client = [H.Event("lab", Type.OK, Op.CLIENT, {"pid": 7, "name": "client-0"})]
    again = [H.Event("lab", Type.OK, Op.CLIENT, {"pid": 8, "name": "client-1"})]
    hit: list[list[H.Event]] = []
    last = 0
    if fault is not None:
        last = int(fault.victim is Victim.CLIENT)
        back = again if last else H.boot()
        hit = [H.landed(fault, 1 - last), back, H.connect(last), H.ask(last)]
    told = [H.progress(n, last, None) for n in range(10, 51, 5)]
    end = [H.Event(f"client-{last}", Type.OK, Op.SUBMIT, {})]
    output = {"status": "completed", "count": len(done), "records": rows(done), "error": hostile}
    events = (
        H.boot(),
        client,
        H.connect(),
        H.ask(),
        H.progress(5, 0, None),
        *hit,
        *told,
        end,
        [H.Event(f"client-{last}", Type.OK, Op.OUTPUT, output)],
        [
            H.Event(
                "lab",
                Type.OK,
                Op.EFFECTS,
                {"executions": [["t", name, done.count(name)] for name in dict.fromkeys(done)]},
            )
        ],
        H.end(*([hostile] if hostile else [])),
    )
    history = H.history(
        events,
        faults=[fault] if fault else [],
        golden=None,
        contract="resumable-tool",
        workload=Workload(RECORDS, BATCH),
        recovery_deadline_s=10.0,
    )
    expected = Operation(
        -1, 0.0, "lab", Type.OK, Op.EXPECT, None, 1, {"records": rows(names(range(50))), "count": RECORDS}
    )
    shifted = [replace(o, i=o.i + 1, t=(o.t + 1) / 20) for o in history.operations]
    return replace(history, operations=(replace(expected, i=0), *shifted)), done


def place(bundle: Bundle, scenario: str, number: int) -> Path:
    """Where a run lies."""
    return bundle.folder / "runs" / PROFILE / scenario / f"{number:04d}"


def keep(bundle: Bundle, scenario: str, number: int, history: History, ledger: list[str]) -> dict[str, Any]:
    """Write one run as it is written; the judgement."""
    plan = Plan.from_json({**history.header.plan, "scenario": scenario})
    header = replace(
        history.header,
        scenario=scenario,
        plan=plan.to_json(),
        profile=PROFILE,
        subject={"command": COMMAND, "server": {"name": "Literal", "version": "1.0"}},
    )
    history = replace(history, header=header)
    run = RunFolder(place(bundle, scenario, number))
    run.path.mkdir(parents=True)
    run.save_plan(plan)
    run.history_file.write_text("".join(f"{line}\n" for line in history.to_lines()), encoding="utf-8")
    run.ledger.write_text(
        "".join(json.dumps({"task": "t", "record": name}) + "\n" for name in ledger), encoding="utf-8"
    )
    judged = judge(history)
    run.save_judgement(judged.to_json())
    return judged.to_json() | {"plan": plan, "folder": run.path}


def session(folder: Path, runs: list[tuple[str, History, list[str]]], *, seed: int = 0) -> Bundle:
    """A whole session with these runs, and its certificate."""
    bundle = Bundle(folder)
    bundle.prepare("literal", shared=False).close()
    tally = Tally(Selection(2), seed)
    by_scenario: dict[str, list[dict[str, Any]]] = {}
    for number, (scenario, history, ledger) in enumerate(runs, start=1):
        judged = keep(bundle, scenario, number, history, ledger)
        by_scenario.setdefault(scenario, []).append(judged)
        tally(
            RunPlayed(
                PROFILE, scenario, number, str(judged["plan"]), "x", judged["verdict"], 1, 1, str(judged["folder"])
            )
        )
    for scenario, judged_runs in by_scenario.items():
        tally(TrialEnded(_summary(scenario, judged_runs)))
    tally.finished = True
    bundle.save_certificate(tally.certificate([Listed(name, 2) for name in by_scenario]))
    return bundle


def _summary(scenario: str, judged: list[dict[str, Any]]) -> dict[str, Any]:
    found = [
        {
            **finding,
            "scenario": scenario,
            "profile": PROFILE,
            "plan": one["plan"].to_json(),
            "plan_text": str(one["plan"]),
            "replay": f"mcp-crashtest replay {one['folder']}",
        }
        for one in judged
        for finding in one["findings"]
    ]
    worst = "FAIL" if found else "PASS"
    identity: dict[str, Any] = {
        "command": COMMAND,
        "url": None,
        "contract": "resumable-tool",
        "digest": "d",
        "caps": [],
        "budget": "core",
        "not_assessed": {"isolation.leak": "not offered: there are no [[principals]]"},
    }
    return {
        "id": scenario,
        "profile": PROFILE,
        "level": 2,
        "story": "it is told",
        "verdict": worst,
        "reason": "",
        "plans": 300,
        "runs": len(judged),
        "faults_confirmed": sum(one["faults_confirmed"] for one in judged),
        "faults_unconfirmed": 0,
        "kills_confirmed": sum(one["kills_confirmed"] for one in judged),
        "late_looks": 0,
        "fell": [len(judged)] * 10,
        "findings": found,
        "applies": True,
        "recoveries_s": [r for one in judged for r in one["recoveries_s"]],
        "subject": identity,
        "error": None,
    }


def nothing(folder: Path) -> Bundle:
    """A session that was cut short before its first run."""
    bundle = Bundle(folder)
    bundle.prepare("literal", shared=False).close()
    tally = Tally(Selection(2), 0)
    tally(TrialEnded({**_summary(EVERYWHERE, []), "verdict": "INVALID", "reason": "nothing answers", "fell": []}))
    bundle.save_certificate(tally.certificate([Listed(EVERYWHERE, 2)]))
    return bundle


def kill(batch: int, thousandths: int = 250) -> Fault:
    return Fault("kill", Victim.SERVER, Batch(batch, thousandths=thousandths))


def failing(folder: Path, hostile: str = "") -> Bundle:
    """A session whose client leaves, comes back, and finds a batch twice; the other runs pass."""
    good = [(EVERYWHERE, *played(kill(n))) for n in range(1, 6)]
    return session(
        folder, [*good, (LEAVES, *played(INTERRUPT, doubled=True, hostile=hostile)), ("undisturbed", *played(None))]
    )


def passing(folder: Path, runs: int = 6) -> Bundle:
    """A session of so many runs that pass."""
    return session(folder, [(EVERYWHERE, *played(kill(1 + n % 9, 10 * n % 1000))) for n in range(runs)])
