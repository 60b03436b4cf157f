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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from harness.subjects.protocol import receive_request, send_event, send_request

_PR_SET_PDEATHSIG = 1
_FIRST_FREE = 256
_LONGEST_COMMAND = 200
_C = ctypes.CDLL(None, use_errno=True)

_IDLE_MS = 30
Answer = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Standby:
    """A child that was forked ahead, and the socket on which it waits for its request."""

    pid: int
    requests: socket.socket


class Parent:
    """One parent and its control socket to the lab."""

    def __init__(
        self,
        control: socket.socket,
        *,
        gone: Callable[[], NoReturn],
        answer: Answer | None = None,
        warm: Callable[[], None] | None = None,
    ) -> None:
        self.control = control
        self.children: set[int] = set()
        self._gone = gone
        self._answer = answer
        self._warm = warm
        self._standby: Standby | None = None
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> tuple[dict[str, Any], list[int]]:
        """Serve the lab; returns in a forked child only, with the request and its descriptors."""
        handler = signal.signal(signal.SIGCHLD, lambda *_: None)
        previous = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self.control, select.POLLIN | select.POLLHUP)
        poll.register(self._woken, select.POLLIN)
        while True:
            idle_ms = _IDLE_MS if self._warm and self._standby is None else None
            ready = dict(poll.poll(idle_ms))
            if not ready and (received := self._stand_by()):
                signal.set_wakeup_fd(previous)
                signal.signal(signal.SIGCHLD, handler or signal.SIG_DFL)
                return received
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
        """Fork, or take who stands by; tell the lab. True in the child."""
        pid = self._standby_takes(request, descriptors) or self._child()
        if pid == 0:
            return True
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

    def _child(self) -> int:
        """Fork a child with a session of its own, that dies with its parent; 0 in the child."""
        me = os.getpid()
        pid = os.fork()
        if pid:
            self.children.add(pid)
            return pid
        os.setsid()
        _C.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != me:  # the parent died before it could be promised
            os._exit(137)
        for descriptor in (self._woken, self._wake):
            os.close(descriptor)
        self.control.close()
        if self._standby:
            self._standby.requests.close()
        return 0

    def _stand_by(self) -> tuple[dict[str, Any], list[int]] | None:
        """Fork a child ahead of its request; returns in the child, once it has one.

        While it waits it makes its own what is copied on write, so that a restart need not.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = self._child()
        if pid:
            theirs.close()
            self._standby = Standby(pid, ours)
            return None
        ours.close()
        if self._warm:
            self._warm()
        received = receive_request(theirs)
        if received is None:
            os._exit(0)
        theirs.close()
        return received

    def _standby_takes(self, request: dict[str, Any], descriptors: list[int]) -> int | None:
        standby, self._standby = self._standby, None
        if standby is None:
            return None
        try:
            send_request(standby.requests, request, descriptors)
        except OSError:  # it is dead
            return None
        finally:
            standby.requests.close()
        return standby.pid

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
