"""The guard: it starts processes, adopts orphans, and outlives the lab.

When the lab's end of the control socket is closed, which the kernel does even for a lab that was SIGKILLed, the guard
kills every descendant until none is left, and removes the folders that it was given to remove. It has a session of its
own: a Ctrl-C at the terminal is not for it. It imports nothing but the standard library, and is started in Python's
isolated mode: neither the folder that the lab is used in nor its environment can get in the way.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
import traceback
from contextlib import suppress
from typing import Any, NoReturn

from mcp_crashtest.subjects.members import Census, Life
from mcp_crashtest.subjects.parent import PYTHON_IGNORES, Parent, reset_signals, take_places
from mcp_crashtest.subjects.proc import boot_of, children_of, command_of, state_of
from mcp_crashtest.subjects.watches import Watches

_PR_SET_CHILD_SUBREAPER = 36
_MOST_LISTED = 50
_ENDING_S = 60.0
_ROUND_S = 0.002
_CANNOT_START = 127
_PR_SET_PDEATHSIG = 1
_MOST_FOLDERS = 16

_folders: list[str] = []  # what is to be removed at the end


class Guard:
    """The guard's own knowledge: which of its children it has not forked itself, and who belongs to whom."""

    def __init__(self, control: socket.socket, lab: int) -> None:
        self.parent = Parent(control, gone=end_all, answer=self.answer, lab=lab)
        self.watches = Watches(Census(os.getpid(), self.parent.children), self.parent.reap)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Who belongs to a life, what is left of one; which orphans nobody accounts for; the same, and kill them.

        An orphan that hides its environment could be anybody's: it is never overlooked, and only killed when all are.
        """
        match request["do"]:
            case "watch":
                return self.watches.begin(Life.of(request))
            case "remains":
                return self.watches.remains(Life.of(request), kill=request["kill"], wait_s=request["wait_s"])
            case "forget":
                return self.watches.end(request["boot"])
            case "own":
                if len(_folders) < _MOST_FOLDERS:
                    _folders.append(request["folder"])
                return {}
            case _:
                return self._strays(request)

    def _strays(self, request: dict[str, Any]) -> dict[str, Any]:
        owners = {pid: boot_of(pid) for pid in self._orphans()}
        wanted, living = request.get("of"), request["open"]
        strays = [pid for pid, owner in owners.items() if (owner in wanted if wanted else owner not in living)]
        listed = [(pid, command_of(pid)) for pid in strays[:_MOST_LISTED]]
        if request["do"] == "sweep":
            for pid in strays:  # a child of ours that is not reaped keeps its number
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        return {"orphans": listed}

    def _orphans(self) -> list[int]:
        adopted = [pid for pid in children_of(os.getpid()) if pid not in self.parent.children]
        return [pid for pid in adopted if state_of(pid) not in "ZX"]


def end_all() -> NoReturn:
    """Kill descendants until there are none, and go: orphans arrive here and are killed in their turn."""
    deadline = time.monotonic() + _ENDING_S
    while time.monotonic() < deadline:
        for pid in children_of(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            break
        time.sleep(_ROUND_S)
    _remove_folders()
    os._exit(0)


def _remove_folders() -> None:
    if _folders:
        import shutil  # the guard begins without it

        for folder in _folders:
            shutil.rmtree(folder, ignore_errors=True)


def _become(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    try:
        take_places(descriptors)
        reset_signals()
        for ignored in PYTHON_IGNORES:  # and a new program would too
            signal.signal(ignored, signal.SIG_DFL)
        if "user" in request:
            _be(*request["user"])
        os.chdir(request["cwd"])
        os.execvpe(request["argv"][0], request["argv"], request["env"])
    except BaseException as error:
        os.write(2, f"{request['argv'][0]} cannot be started in {request['cwd']}: {error}\n".encode())
        os._exit(_CANNOT_START)


def _be(user: int, group: int) -> None:
    """Be somebody else from now on, who still dies with the guard: that promise is forgotten with the old user."""
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main(control: int, lab: int) -> None:
    """Guard until the lab, the process ``lab``, is gone."""
    me = os.getpid()
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        alive = os.pidfd_open(lab)
        if os.getppid() != lab:
            end_all()
        with socket.socket(fileno=control) as listening:
            listening.set_inheritable(False)
            request, descriptors = Guard(listening, alive).parent.serve()
    except BaseException:
        traceback.print_exc()
        if os.getpid() == me:
            end_all()
        os._exit(_CANNOT_START)
    _become(request, descriptors)
