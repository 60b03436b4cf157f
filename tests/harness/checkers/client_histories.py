"""Short literal histories of clients under test.

The job has two tasks at most, ``s`` and ``t``; a request is a letter too, its arguments' digest. The result is "6".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mcp_crashtest.model.coordinates import Window, WindowName
from mcp_crashtest.model.faults import Fault
from mcp_crashtest.model.operation import History, Op, Type
from tests.harness.checkers.histories import KILL_CLIENT, Event, Events, boot, effects, end, history, landed

WINDOW = replace(KILL_CLIENT, at=Window(WindowName.ASKING))


def client_history(events: Events, faults: Sequence[Fault] = (), contract: str = "resource-task") -> History:
    """The history of a client's run, after what the golden run printed."""
    golden = [Event("lab", Type.OK, Op.EXPECT, {"result": [["$.count", "6"]]})]
    made = history([golden, boot(), *events], faults=faults, golden=None, contract=contract)
    return replace(made, header=replace(made.header, subject={"client": {"command": "client"}}))


def client_killed(before: list[Event], *after: list[Event], contract: str = "resource-task") -> History:
    """The client submits, does something, is killed and started again, and does something more."""
    first = [*starts(), *submits(), *answered("s"), *before]
    return client_history([first, landed(WINDOW), starts(1), *after], faults=[WINDOW], contract=contract)


def _name(life: int) -> str:
    return f"client-{life}"


def starts(life: int = 0) -> list[Event]:
    return [Event("lab", Type.OK, Op.CLIENT, {"pid": 1, "name": _name(life)})]


def submits(life: int = 0, request: str = "x") -> list[Event]:
    return [Event(_name(life), Type.INVOKE, Op.SUBMIT, {"tool": "start", "request": request})]


def answered(task: str | None, life: int = 0) -> list[Event]:
    return [Event(_name(life), Type.OK, Op.SUBMIT, {}, task)]


def lost(task: str | None, life: int = 0) -> list[Event]:
    """The answer to a submission, lost on its way."""
    return [Event(_name(life), Type.INFO, Op.SUBMIT, {"error": "lost"}, task)]


def asks(task: str, life: int = 0) -> list[Event]:
    return [Event(_name(life), type_, Op.STATUS, {}, task) for type_ in (Type.INVOKE, Type.OK)]


def state(*handles: str, life: int = 0, done: bool = False) -> list[Event]:
    value = {"found": True, "handles": list(handles), "of": _name(life), "done": done}
    return [Event("lab", Type.OK, Op.STATE, value)]


def stateless(life: int = 0, *, done: bool = False) -> list[Event]:
    return [Event("lab", Type.OK, Op.STATE, {"found": False, "handles": [], "of": _name(life), "done": done})]


def torn(life: int = 0) -> list[Event]:
    return [Event("lab", Type.FAIL, Op.STATE, {"error": "not JSON", "of": _name(life), "done": False})]


def prints(text: str, life: int = 0) -> list[Event]:
    return [Event(_name(life), Type.OK, Op.OUTPUT, {"how": "exit code 0", "result": [["$.count", text]]})]


def ends_with(code: int, life: int = 0) -> list[Event]:
    value = {"how": f"exit code {code}", "result": [["$.count", "nothing"]], "last_words": "refused"}
    return [Event(_name(life), Type.FAIL, Op.OUTPUT, value)]


CLIENT_ENDING = (prints("6", 1), effects(s="abcdef"), end())
