"""A plan in plain words, as a reader hears it who knows nothing of coordinates: what was planned, and what was done."""

from __future__ import annotations

from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.faults import (
    CUT,
    FAIL,
    KINDS,
    LINKS,
    OVERLAP,
    POISON,
    REPLACE,
    ROLL,
    SIGNALS,
    SILENT,
    SLOW,
    TWINS,
    Fault,
)
from mcp_crashtest.model.losses import POWER
from mcp_crashtest.model.plan import Absence, Plan
from mcp_crashtest.telling.lives import Bolt
from mcp_crashtest.telling.places import lasting, message, place
from mcp_crashtest.telling.words import plural

_MOST_TOLD = 3
# What is done, and what comes of it behind the place at which it is done.
_DEEDS = {
    ("kill", "server"): ("the server is killed", ""),
    ("kill", "client"): ("the client is killed", ""),
    ("kill", "both"): ("server and client are killed", ""),
    (POWER, "server"): ("the power fails", ""),
    ("kill", "service"): ("a service that the server needs is killed", ""),
    ("kill", "server and service"): ("the server is killed, and a service that it needs", ""),
    ("terminate", "server"): ("the server is restarted as planned (SIGTERM)", ""),
    ("goodbye", "server"): ("the host closes the server's standard input", " and starts it again"),
    (ROLL, "server"): ("the servers are told to stop, one after the other", " and each is started before the next"),
    (OVERLAP, "server"): ("the server is replaced", " while its old life winds down"),
    ("interrupt", "client"): ("the client leaves in the middle of its work", " and comes back"),
    ("freeze", "server"): ("the server stands still for a while (SIGSTOP)", ""),
    **{(name, "server"): (f"the server is sent {name.upper()}, {where}", "") for name, where in SIGNALS.items()},
    (POISON, "client"): ("a job that cannot be done is asked for beside the other", ""),
    (FAIL, "server"): ("a system call of the server fails", ""),
    (REPLACE, "server"): ("the server stands still (SIGSTOP)", " and goes on when another is at work on its store"),
    (TWINS, "server"): ("the server is killed", " and two are started at once on its store"),
    **{(name, "service"): (f"the link to a service: {how}", "") for name, how in LINKS.items()},
    ("drop", "client"): ("the client loses its connections without a word", " and comes back"),
}
_VERBS = {
    "terminate": "restart",
    "goodbye": "close the standard input of",
    ROLL: "restart one after the other all that are like",
    OVERLAP: "replace",
    "drop": "drop the connections of",
    CUT: "cut the link to",
    SLOW: "slow down the link to",
    SILENT: "silence the link to",
    POWER: "cut the power of",
    FAIL: "fail a call of",
    POISON: "ask for a job that cannot be done as",
    REPLACE: "freeze and replace",
    TWINS: "kill and start two at once of",
    **{name: f"send {name.upper()} to" for name in SIGNALS},
}
_ASKED = {"list": "list the tasks", "trespass": "let another principal list, read and cancel"}
_VICTIMS = {"server": "the server", "client": "the client", "both": "server and client", "service": "the service",
            "server and service": "the server and its service"}  # fmt: skip
_ABSENCES = {
    Absence.WITHIN_BATCH: "the client stays away for half a batch",
    Absence.AFTER_BATCH: "the client stays away for one and a half batches",
    Absence.AFTER_TWO: "the client stays away for two and a half batches",
    Absence.UNTIL_QUIET: "the client stays away until the server is quiet",
}


def planned(plan: Plan) -> str:
    """What a plan is to do: ``kill the server 62 % into batch 6``."""
    done = [_planned(fault) for fault in plan.faults]
    done += ["kill the server after the end"] if plan.afterlife else []
    more = [plan.companion.told] if plan.companion else []
    more += [_ABSENCES[plan.absence]] if plan.absence in _ABSENCES else []
    size = plan.workload
    more += [f"with {plural(size.records, 'record')} in batches of {size.batch}"] if size else []
    return ", ".join([", then ".join(done) or "no faults", *more, *(["the restart cold"] if plan.cold else [])])


def _planned(fault: Fault) -> str:
    if fault.operates:
        return f"{_ASKED.get(fault.kind, f'{fault.kind} the task')} {place(fault.at)}"
    hit = f" {_VICTIMS[fault.victim.value]}"
    which = f" {fault.service}" if fault.service and "service" in fault.settings else ""
    from_there = f", {message(fault.message)}" if fault.message else ""
    return f"{_VERBS.get(fault.kind, fault.kind)}{hit}{which} {place(fault.at)}{from_there}{lasting(fault.until)}"


def plainly(plan: Plan, struck: tuple[Bolt, ...] = (), total: int = 0, *, missed: str = "") -> str:
    """What is done in a run, the title of its page; ``struck`` are its faults as they fell, where one was tried.

    ``missed``: why no fault of the plan has landed, so that only what was meant can be told.
    """
    harm = [fault for fault in plan.faults if not fault.operates]
    if missed and harm:
        came = "that could not be proven" if any(bolt.harm for bolt in struck if bolt.answered) else missed
        return f"Meant, and not done: {_one(harm[0], None, total)}; {came}"
    if not plan.faults:
        last = "The server is killed" if plan.cut is None else "The power fails"
        end = f"{last} after the end, and it is asked once more" if plan.afterlife else "Nobody is in the way"
        return f"{end}; {plan.companion.told}" if plan.companion else end
    fell = {bolt.number: bolt for bolt in struck if bolt.landed}
    done = [(n, fault) for n, fault in enumerate(plan.faults, start=1) if n in fell or not fell]
    hurt = [(n, fault) for n, fault in done if not fault.operates]
    late = f"; {plural(len(harm) - len(hurt), 'other fault')} came too late" if len(hurt) < len(harm) else ""
    if len(hurt) > _MOST_TOLD:
        alike = len({(fault.kind, fault.victim) for _, fault in hurt}) == 1
        first = _one(hurt[0][1], fell.get(hurt[0][0]), total, times=len(hurt) if alike else 0)
        said = first if alike else f"{plural(len(hurt), 'fault')} in one run, the first: {first}"
    else:
        said = ", then ".join(_one(fault, fell.get(n), total) for n, fault in done)
    after = "; after the end the server is killed once more, and asked again" if plan.afterlife else ""
    return said[0].upper() + said[1:] + late + after


def _one(fault: Fault, bolt: Bolt | None, total: int, times: int = 0) -> str:
    """One fault: how far the job was when it fell, or else where it was to fall; of several the first."""
    if fault.operates:
        return KINDS[fault.kind].meaning
    deed, after = _DEEDS.get((fault.kind, fault.victim.value), (str(fault).partition(" at ")[0], ""))
    if fault.message:
        deed += f" ({message(fault.message)})"
    often = f" {times} times, first" if times else ""
    if bolt is not None and bolt.done is not None and total and isinstance(fault.at, Batch):
        with_ = f" with {bolt.done} of {total} records acknowledged"
        return f"{deed}{often},{with_},{after}" if after and not times else f"{deed}{often}{with_}"
    return f"{deed}{often or after} {place(fault.at)}"
