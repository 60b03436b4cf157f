"""Short literal histories.

A record is a letter: its key is the letter in lower case, its content the letter as it stands, so that ``aBcd`` is
``abcd`` with another second record. The workload is ``abcdef`` in batches of two, and event ``i`` happens at second
``i``. Lives count themselves. Whatever happens is a list of events, and a history is made of such lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import Header, History, Op, Operation, Type
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.model.profile import Claims, Semantics, Workload
from mcp_crashtest.model.verdict import Verdict

ALL = "abcdef"


@dataclass(frozen=True, slots=True)
class Event:
    """One event without its number, its time and its life."""

    process: str
    type: Type
    op: Op
    value: dict[str, Any] = field(default_factory=dict)
    task: str | None = None


Events = Iterable[Sequence[Event]]


def history(
    events: Events,
    *,
    faults: Sequence[Fault] = (),
    golden: str | None = ALL,
    showed: Mapping[str, Any] | None = None,
    workload: Workload | None = None,
    contract: str = "resource-task",
    semantics: str = "exactly-once",
    companion: Companion | None = None,
    second: Size | None = None,
    third: Size | None = None,
    owed: bool = False,
    **claims: Any,
) -> History:
    """The history of a run with these planned faults and these events, after what the golden run gave and showed."""
    header = Header(
        seed=0,
        scenario="literal",
        plan=Plan(
            "literal", "2026-07-28", tuple(faults), companion=companion, second=second, third=third, owed=owed
        ).to_json(),
        profile="literal",
        profile_digest="",
        contract=contract,
        blocking=contract == "resumable-tool",
        claims=asdict(Claims(Semantics(semantics), **claims)),
        workload=asdict(workload or Workload(len(ALL), 2)),
        subject={},
    )
    given: dict[str, Any] | None = None if golden is None else {"records": records(golden)}
    if showed is not None:
        given = {"records": None, **(given or {}), **showed}
    expect = [] if given is None else [Event("lab", Type.OK, Op.EXPECT, given)]
    operations: list[Operation] = []
    lives = 0
    for i, event in enumerate(chain(expect, *events)):
        lives += event.op is Op.BOOT
        operations.append(
            Operation(i, float(i), event.process, event.type, event.op, event.task, max(lives, 1), event.value)
        )
    return History(header, tuple(operations))


def verdict(judged: History) -> tuple[Verdict, list[str]]:
    """The verdict, and the invariants found broken, in the order of the findings."""
    judgement = judge(judged)
    return judgement.verdict, [finding.invariant for finding in judgement.findings]


PASS: tuple[Verdict, list[str]] = (Verdict.PASS, [])
INVALID: tuple[Verdict, list[str]] = (Verdict.INVALID, [])


def fail(*invariants: str) -> tuple[Verdict, list[str]]:
    """The verdict of a run in which just these invariants are broken."""
    return Verdict.FAIL, list(invariants)


# --- faults


def fault(kind: str, victim: Victim, batch: int = 1, phase: Phase = Phase.OBSERVED) -> Fault:
    return Fault(kind, victim, Batch(batch, phase))


KILL = fault("kill", Victim.SERVER)
KILL_CLIENT = fault("kill", Victim.CLIENT)
KILL_BOTH = fault("kill", Victim.BOTH)
DROP = fault("drop", Victim.CLIENT)
TERMINATE = fault("terminate", Victim.SERVER)


def landed(done: Fault, kills: int = 1) -> list[Event]:
    value = {**done.to_json(), "fault": str(done)}
    ok = {**value, "kills": kills, "reason": "killed and reaped"}
    return [Event("nemesis", Type.INVOKE, Op.FAULT, value), Event("nemesis", Type.OK, Op.FAULT, ok)]


def refused(tried: Fault, type_: Type = Type.FAIL) -> list[Event]:
    value = {**tried.to_json(), "fault": str(tried)}
    failed = {**value, "kills": 0, "reason": "it lives on"}
    return [Event("nemesis", Type.INVOKE, Op.FAULT, value), Event("nemesis", type_, Op.FAULT, failed)]


# --- the lab


def boot() -> list[Event]:
    return [Event("lab", Type.OK, Op.BOOT, {"pid": 1})]


def away(*grew: str, away_s: float = 0.2) -> list[Event]:
    """The server was dead for a while, and these files have changed meanwhile."""
    value = {"fault": 1, "away_s": away_s, "grew": list(grew), "changed": len(grew)}
    return [Event("lab", Type.OK, Op.AWAY, value)]


def exits(**more: Any) -> list[Event]:
    return [Event("server", Type.OK, Op.EXIT, {"how": "code 1", **more})]


def effects(stretches: int | None = None, /, **tasks: str) -> list[Event]:
    """What is in the ledger: for each task its executions, a letter each; in how many stretches work was done again."""
    executions = [[task, key, done.count(key)] for task, done in tasks.items() for key in dict.fromkeys(done)]
    counted = {} if stretches is None else {"stretches": stretches}
    return [Event("lab", Type.OK, Op.EFFECTS, {"executions": executions, **counted})]


def end(reason: str = "output", **more: Any) -> list[Event]:
    return [Event("lab", Type.OK, Op.END, {"reason": reason, "silent_s": 0.0, "deadline_s": 10.0, **more})]


def stalled(**more: Any) -> list[Event]:
    return [Event("lab", Type.OK, Op.END, {"reason": "stalled", "silent_s": 10.5, "deadline_s": 10.0, **more})]


# --- the client


def ask(client: int = 0) -> list[Event]:
    return [Event(f"client-{client}", Type.INVOKE, Op.SUBMIT, {"tool": "start"})]


def submit(client: int = 0, task: str | None = "t") -> list[Event]:
    return [*ask(client), Event(f"client-{client}", Type.OK, Op.SUBMIT, {}, task)]


def unanswered(client: int = 0) -> list[Event]:
    return [*ask(client), Event(f"client-{client}", Type.INFO, Op.SUBMIT, {"error": "broken"})]


def connect(client: int = 0) -> list[Event]:
    return [Event(f"client-{client}", Type.OK, Op.CONNECT, {"protocol": "2026-07-28"})]


def progress(done: float, client: int = 0, task: str | None = "t") -> list[Event]:
    return [Event(f"client-{client}", Type.OK, Op.PROGRESS, {"done": done, "total": len(ALL)}, task)]


def status(word: str, client: int = 0, task: str = "t", **told: Any) -> list[Event]:
    return [Event(f"client-{client}", Type.OK, Op.STATUS, {"status": word, **told}, task)]


def unknown(task: str = "t") -> list[Event]:
    return [Event("client-0", Type.FAIL, Op.STATUS, {"error": "not found"}, task)]


def output(shown: str | None, count: Any = 6, status: str = "completed", client: int = 0, **more: Any) -> list[Event]:
    value = {"status": status, "count": count, "records": None if shown is None else records(shown), **more}
    return [Event(f"client-{client}", Type.OK, Op.OUTPUT, value, "t")]


def failed(reason: str = "refused") -> list[Event]:
    return [Event("client-0", Type.FAIL, Op.OUTPUT, {"reason": reason, "error": "no"}, "t")]


def records(shown: str) -> list[list[str]]:
    return [[letter.lower(), letter] for letter in shown]
