"""The guard: ``python -m harness.subjects.guard FD``. It starts processes, adopts orphans, and outlives the lab.

When the lab's end of the control socket is closed, which the kernel does even for a lab that was SIGKILLed, the guard
kills every descendant until none is left. It has a session of its own: a Ctrl-C at the terminal is not for it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, NoReturn

from harness.subjects.parent import Parent, children_of, command_of, reset_signals, state_of, take_places

_PR_SET_CHILD_SUBREAPER = 36


class Guard:
    """The guard's own knowledge: which of its children it has not forked itself."""

    def __init__(self, control: socket.socket) -> None:
        self.parent = Parent(control, gone=self.end_all, answer=self.answer)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Who was adopted; whether anybody of a process group lives; kill all who were adopted."""
        adopted = [pid for pid in children_of(os.getpid()) if pid not in self.parent.children]
        living = [pid for pid in adopted if state_of(pid) not in "ZX"]
        if request["do"] == "sweep":
            for pid in living:
                _end_tree(pid)
        group = request.get("group")
        return {"adopted": [[pid, command_of(pid)] for pid in living[:50]], "group_lives": _group_lives(group)}

    def end_all(self) -> NoReturn:
        """Kill descendants until there are none, and go: orphans arrive here and are killed in their turn."""
        while True:
            for pid in children_of(os.getpid()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                os._exit(0)


def _end_tree(pid: int) -> None:
    for child in children_of(pid):
        _end_tree(child)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _group_lives(group: int | None) -> bool:
    if group is None:
        return False
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    """Guard until the lab is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    request, descriptors = Guard(control).parent.serve()
    try:
        take_places(descriptors)
        reset_signals()
        os.chdir(request["cwd"])
        os.execvpe(request["argv"][0], request["argv"], request["env"])
    except OSError as error:
        os.write(2, f"{request['argv'][0]} cannot be started: {error}\n".encode())
        os._exit(127)


if __name__ == "__main__":
    main()
