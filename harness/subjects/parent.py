"""Being a parent: fork on request, tell of stops and ends, kill whole groups. The guard and the fork servers are ones.

A child is the leader of a session and a process group of its own. A group is killed while its leader is still
unreaped, so that the number cannot have come to mean somebody else. What a child does once it is forked is the
caller's: ``serve`` returns in the child, with the request, and never returns in the parent.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from harness.subjects.protocol import receive_request, send_event

_PR_SET_PDEATHSIG = 1
_FIRST_FREE = 256
_LONGEST_COMMAND = 200
_C = ctypes.CDLL(None, use_errno=True)

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Parent:
    """One parent and its control socket to the lab."""

    def __init__(self, control: socket.socket, *, gone: Callable[[], NoReturn], answer: Answer | None = None) -> None:
        self.control = control
        self.children: set[int] = set()
        self._gone = gone
        self._answer = answer
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> tuple[dict[str, Any], list[int]]:
        """Serve the lab; returns in a forked child only, with the request and its descriptors."""
        handler = signal.signal(signal.SIGCHLD, lambda *_: None)
        previous = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self.control, select.POLLIN | select.POLLHUP)
        poll.register(self._woken, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if self._woken in ready:
                with suppress(BlockingIOError):
                    os.read(self._woken, 1 << 12)
                self._tell_of_children()
            if self.control.fileno() in ready:
                received = receive_request(self.control)
                if received is None:
                    self._gone()
                if self._handle(*received):
                    signal.set_wakeup_fd(previous)
                    signal.signal(signal.SIGCHLD, handler or signal.SIG_DFL)
                    for descriptor in (self._woken, self._wake):
                        os.close(descriptor)
                    self.control.close()
                    return received

    def _handle(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Do what is asked; True in a forked child."""
        if request["do"] == "spawn":
            return self._fork(request, descriptors)
        if request["do"] == "signal-group":
            pid = request["pid"]
            sent = pid in self.children
            if sent:
                try:
                    os.killpg(pid, request["signal"])
                except ProcessLookupError:  # newly forked, and not yet the leader of a group
                    os.kill(pid, request["signal"])
            send_event(self.control, {"to": request["id"], "sent": sent})
        elif self._answer:
            send_event(self.control, {"to": request["id"], **self._answer(request)})
        return False

    def _fork(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        me = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            _C.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != me:  # the parent died before it could be promised
                os._exit(137)
            return True
        self.children.add(pid)
        pidfd = os.pidfd_open(pid)
        try:
            send_event(self.control, {"to": request["id"], "pid": pid}, [pidfd])
        except BrokenPipeError:
            self._gone()
        finally:
            os.close(pidfd)
            for descriptor in descriptors:
                os.close(descriptor)
        return False

    def _tell_of_children(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid not in self.children:  # somebody who was adopted
                continue
            if os.WIFSTOPPED(status):
                event = {"stopped": pid}
            else:
                self.children.discard(pid)
                event = {"ended": pid, "status": status}
            try:
                send_event(self.control, event)
            except BrokenPipeError:
                self._gone()


def take_places(descriptors: list[int]) -> None:
    """Make the descriptors 0, 1, 2, ... of this process, inheritable, and close all others."""
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _FIRST_FREE) for descriptor in descriptors]
    for place, descriptor in enumerate(high):
        os.dup2(descriptor, place, inheritable=True)
    os.closerange(len(high), os.sysconf("SC_OPEN_MAX"))


def reset_signals() -> None:
    """Give every signal the meaning that it has in a new process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def children_of(pid: int) -> list[int]:
    """The direct children of a process, of all its threads."""
    found: list[int] = []
    for thread in _names(f"/proc/{pid}/task"):
        with suppress(OSError):
            found += [int(child) for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split()]
    return found


def state_of(pid: int) -> str:
    """The state letter of a process: R, S, T, Z, ...; X when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "X"


def command_of(pid: int) -> str:
    """The command line of a process, bounded."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return b" ".join(words).decode("utf-8", errors="replace").strip()[:_LONGEST_COMMAND]


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []
