"""A plan in plain words, as a reader hears it who knows nothing of coordinates."""

from __future__ import annotations

from mcp_crashtest.model.coordinates import Batch, Moment, Since, Window
from mcp_crashtest.model.faults import OVERLAP, REPLACE, SIGNALS, TWINS, Fault
from mcp_crashtest.model.losses import POWER
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.telling.words import plural

_DEEDS = {
    ("kill", "server"): "The server is killed",
    ("kill", "client"): "The client is killed",
    ("kill", "both"): "Server and client are killed",
    (POWER, "server"): "The power fails",
    ("kill", "service"): "A service that the server needs is killed",
    ("kill", "server and service"): "The server is killed, and a service that it needs",
    ("terminate", "server"): "The server is restarted as planned (SIGTERM)",
    ("goodbye", "server"): "The host closes the server's standard input and starts it again",
    (OVERLAP, "server"): "The server is replaced while its old life winds down",
    ("interrupt", "client"): "The client leaves in the middle of its work and comes back",
    ("freeze", "server"): "The server stands still for a while (SIGSTOP)",
    **{(name, "server"): f"The server is sent {name.upper()}, {where}" for name, where in SIGNALS.items()},
    (REPLACE, "server"): "The server stands still (SIGSTOP), another one is started on its store, and it goes on",
    (TWINS, "server"): "The server is killed, and two are started at once on its store",
    ("drop", "client"): "The client loses its connections without a word and comes back",
}


def plainly(plan: Plan) -> str:
    """What is done in a run."""
    if not plan.faults:
        last = "The server is killed" if plan.cut is None else "The power fails"
        end = f"{last} after the end, and it is asked once more" if plan.afterlife else "Nobody is in the way"
        return f"{end}; {plan.companion.told}" if plan.companion else end
    harm = [fault for fault in plan.faults if not fault.operates]
    if len(plan.faults) == 1:
        return _one(plan.faults[0])
    if len(harm) == 1:
        asked = " and ".join(fault.kind for fault in plan.faults if fault.operates)
        return f"{_one(harm[0])}; beside that it is asked to {asked}"
    return f"{plural(len(harm), 'fault')} in one run; the first: {_one((harm or list(plan.faults))[0])}"


def _one(fault: Fault) -> str:
    deed = _DEEDS.get((fault.kind, fault.victim.value), str(fault).partition(" at ")[0].capitalize())
    match fault.at:
        case Batch():
            return f"{deed} at batch {fault.at.number}"
        case Window():
            return f"{deed} at {fault.at}"
        case Moment() if fault.at.since is Since.BOOT:
            return f"{deed} {fault.at.thousandths / 10:.0f} % into a start"
        case Moment():
            return f"{deed} after {fault.at.thousandths / 10:.0f} % of the undisturbed time"
        case _:
            return f"{deed} at {fault.at}"
