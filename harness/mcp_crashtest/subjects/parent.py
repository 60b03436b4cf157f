"""Being a parent: fork on request, tell of stops and ends, kill whole groups. The guard and the fork servers are ones.

A child is the leader of a session and a process group of its own. A group is killed while its leader is still
unreaped, so that the number cannot have come to mean somebody else. What a child does once it is forked is the
caller's: ``serve`` returns in the child, with the request, and never returns in the parent.

What stands here and in ``protocol.py`` also runs under a subject's own Python: 3.9 or later, no package but these.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

from mcp_crashtest.subjects.protocol import receive_request, send_event, send_request

_PR_SET_PDEATHSIG = 1
_PIDFD_OPEN = 434  # on every machine
_FIRST_FREE = 256
_IDLE_MS = 30
PYTHON_IGNORES = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
_C = ctypes.CDLL(None, use_errno=True)

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Standby(NamedTuple):
    """A child that was forked ahead, and the socket on which it waits for its request."""

    pid: int
    requests: socket.socket


class Parent:
    """One parent and its control socket to the lab.

    ``gone`` is called when the lab is: when it has closed the socket, or when ``lab``, a pidfd, says that it is dead,
    even if a process that it has forked still holds its end of the socket. With ``ahead`` one child is forked ahead
    when there is nothing else to do.
    """

    def __init__(
        self,
        control: socket.socket,
        *,
        gone: Callable[[], NoReturn],
        answer: Answer | None = None,
        lab: int | None = None,
        ahead: bool = False,
    ) -> None:
        self.control = control
        self.children: set[int] = set()
        self._gone = gone
        self._answer = answer
        self._lab = lab
        self._ahead = ahead
        self._standby: Standby | None = None
        self._signals: tuple[Any, int] = (signal.SIG_DFL, -1)
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> tuple[dict[str, Any], list[int]]:
        """Serve the lab; returns in a forked child only, with the request and its descriptors."""
        handler = signal.signal(signal.SIGCHLD, lambda *_: None)
        self._signals = (handler, signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False))
        poll = select.poll()
        for descriptor in filter(None, (self.control.fileno(), self._woken, self._lab)):
            poll.register(descriptor, select.POLLIN)
        while True:
            idle_ms = _IDLE_MS if self._ahead and self._standby is None else None
            ready = {descriptor for descriptor, _ in poll.poll(idle_ms)}
            if self._lab in ready:
                self._gone()
            if not ready and (received := self._stand_by()):
                return received
            try:
                if self._woken in ready:
                    self.reap()
                if self.control.fileno() not in ready:
                    continue
                received = receive_request(self.control)
                if received is None:
                    self._gone()
                if self._handle(*received):
                    return received
            except (BrokenPipeError, ConnectionResetError):
                self._gone()

    def _handle(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Do what is asked; True in a forked child."""
        if request["do"] == "spawn":
            return self._fork(request, descriptors)
        if request["do"] == "signal-group":
            event = self._signal_group(request["pid"], request["signal"])
        else:
            assert self._answer, f"nobody here can {request['do']}"
            event = self._answer(request)
        send_event(self.control, {"to": request["id"], **event})
        return False

    def _signal_group(self, pid: int, number: int) -> dict[str, Any]:
        """A child that is not reaped keeps its number, so nobody else can be hit."""
        if pid not in self.children:
            return {"sent": False}
        at = time.monotonic()
        try:
            try:
                os.killpg(pid, number)
            except ProcessLookupError:  # newly forked, and not yet the leader of a group
                os.kill(pid, number)
        except PermissionError as error:
            return {"error": f"process {pid} may not be signalled: {error}"}
        return {"sent": True, "at": at}

    def _fork(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Fork, or take who stands by; tell the lab. True in the child."""
        try:
            pid = self._standby_takes(request, descriptors) or self._child()
        except OSError as error:
            send_event(self.control, {"to": request["id"], "error": f"no process can be started: {error}"})
            for descriptor in descriptors:
                os.close(descriptor)
            return False
        if pid == 0:
            return True
        pidfd = pidfd_of(pid)
        try:
            send_event(self.control, {"to": request["id"], "pid": pid}, [pidfd])
        finally:
            for descriptor in (pidfd, *descriptors):
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
        leave_no_core()
        if os.getppid() != me:  # the parent died before it could be promised
            os._exit(137)
        handler, wake = self._signals
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, handler or signal.SIG_DFL)
        for descriptor in (self._woken, self._wake):
            os.close(descriptor)
        self.control.close()
        if self._standby:
            self._standby.requests.close()
        return 0

    def _stand_by(self) -> tuple[dict[str, Any], list[int]] | None:
        """Fork a child ahead of its request; returns in the child, once it has one."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            pid = self._child()
        except OSError:  # there is no room now; a request for a child would say so
            ours.close()
            theirs.close()
            return None
        if pid:
            theirs.close()
            self._standby = Standby(pid, ours)
            return None
        ours.close()
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

    def reap(self) -> None:
        """Reap who has ended, and tell the lab of its own."""
        with suppress(BlockingIOError):
            os.read(self._woken, 1 << 12)
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid not in self.children:  # somebody who was adopted
                continue
            if os.WIFSTOPPED(status):
                send_event(self.control, {"stopped": pid})
            else:
                self.children.discard(pid)
                told = {"at": time.monotonic(), "most_kib": used.ru_maxrss, "blocks": used.ru_oublock}
                send_event(self.control, {"ended": pid, "status": status, **told})


def pidfd_of(pid: int) -> int:
    """``os.pidfd_open``, which is missing from a Python that was built where the kernel's headers are older."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    pidfd = int(_C.syscall(_PIDFD_OPEN, pid, 0))
    if pidfd < 0:
        raise OSError(ctypes.get_errno(), f"there is no pidfd of {pid}")
    return pidfd


def leave_no_core() -> None:
    """What dies of a signal leaves no core: not in a folder, nor with a program that the system pipes it to.

    That program is not asked at a limit of one byte (``man 5 core`` has only files in mind; ``fs/coredump.c``).
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (min(1, hard) if hard >= 0 else 1, hard))


def take_places(descriptors: list[int]) -> None:
    """Make the descriptors 0, 1, 2, ... of this process, inheritable, and close all others."""
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _FIRST_FREE) for descriptor in descriptors]
    for place, descriptor in enumerate(high):
        os.dup2(descriptor, place, inheritable=True)
    os.closerange(len(high), os.sysconf("SC_OPEN_MAX"))


def reset_signals() -> None:
    """Give every signal the meaning that it has in a new Python, however the lab was started (``nohup``)."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN if number in PYTHON_IGNORES else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
