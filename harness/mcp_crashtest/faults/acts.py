"""The acts that there are, a row for each kind of fault in ``model.faults.KINDS``.

An act is a context manager: before its ``yield`` it lands the fault, and yields the proof (None where its victim had
ended by itself before, so that there was nothing to do); behind it the fault is healed. Where the run is over before,
what is behind the ``yield`` does not happen: clean up in ``finally`` what must be.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from mcp_crashtest.faults import (
    calls,
    client,
    links,
    operations,
    overlap,
    pipes,
    poison,
    power,
    process,
    servers,
    services,
    signals,
    two_servers,
)
from mcp_crashtest.model.faults import FAIL, LINKS, POISON, REPLACE, ROLL, SIGNALS, TWINS, Fault
from mcp_crashtest.model.losses import POWER
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage

Act = Callable[[Stage, Fault], AbstractAsyncContextManager[Proof | None]]

FAULTS: dict[str, Act] = {
    "kill": services.kill,
    POWER: power.power_loss,
    "terminate": servers.terminate,
    ROLL: servers.roll,
    "goodbye": pipes.goodbye,
    "overlap": overlap.overlap,
    "freeze": process.freeze,
    FAIL: calls.fail,
    POISON: poison.poison,
    **dict.fromkeys(SIGNALS, signals.told),
    **dict.fromkeys(LINKS, links.failing),
    REPLACE: two_servers.replace_frozen,
    TWINS: two_servers.start_two,
    "interrupt": client.interrupt,
    "drop": client.drop,
    "cancel": operations.operation,
    "pause": operations.operation,
    "resume": operations.operation,
    "answer": operations.operation,
    "list": operations.operation,
    "trespass": operations.operation,
}
