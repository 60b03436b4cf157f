"""What /proc says of a process. Nothing but the standard library: the guard and the fork servers begin with it.

Everything that is read here may be gone, or hidden from us, a moment later: that is an answer and no error.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mcp_crashtest.subjects.protocol import BOOT_VARIABLE

_LONGEST_COMMAND = 200
_MARK = f"{BOOT_VARIABLE}=".encode()
_PARENT, _GROUP, _SESSION, _FLAGS, _BORN, _PENDING = 1, 2, 3, 6, 19, 28  # of /proc/PID/stat after the name
_EXITING = 0x4
_SIGKILL_PENDING = 1 << 8
_LISTENING = b"0A"
_LINE_BYTES = 128
_WRITES = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True, slots=True)
class Seen:
    """One process as it was seen; ``born`` is its start in clock ticks since the machine's."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    flags: int
    born: int
    pending: int

    @property
    def open(self) -> bool:
        """Whether it can still do something: it is no zombie, not on its way out, and no SIGKILL is on its way."""
        return self.state not in "ZX" and not self.flags & _EXITING and not self.pending & _SIGKILL_PENDING


def see(pid: int) -> Seen | None:
    """Look at a process; None when there is none."""
    said = _stat(pid)
    if len(said) <= _PENDING:
        return None
    parent, group, session, flags, born, pending = (
        int(said[place]) for place in (_PARENT, _GROUP, _SESSION, _FLAGS, _BORN, _PENDING)
    )
    return Seen(pid, said[0], parent, group, session, flags, born, pending)


def numbers(folder: str) -> list[int]:
    """The numbers among a folder's names: processes, threads, descriptors."""
    try:
        return [int(name) for name in os.listdir(folder) if name.isdecimal()]  # noqa: PTH208
    except OSError:
        return []


def children_of(pid: int) -> list[int]:
    """The direct children of a process, of all its threads."""
    found: list[int] = []
    for thread in numbers(f"/proc/{pid}/task"):
        try:
            listed = Path(f"/proc/{pid}/task/{thread}/children").read_text()
        except FileNotFoundError:
            if Path(f"/proc/{pid}/task/{thread}").exists():  # a kernel without such lists
                return [child for child in numbers("/proc") if int(_stat(child)[_PARENT]) == pid]
        except OSError:
            continue
        else:
            found += [int(child) for child in listed.split()]
    return found


def group_of(leader: int) -> list[int]:
    """The living members of a process group, zombies left out."""
    members = ((pid, _stat(pid)) for pid in numbers("/proc"))
    return [pid for pid, stat in members if len(stat) > _GROUP and stat[0] not in "ZX" and int(stat[_GROUP]) == leader]


def state_of(pid: int) -> str:
    """The state letter of a process: R, S, T, Z, ...; X when there is none."""
    return _stat(pid)[0]


def tells_waiting() -> bool:
    """Whether the kernel counts for how long somebody waits for a processor."""
    return Path("/proc/self/schedstat").exists()


@cache
def counts_writes() -> bool:
    """Whether the kernel counts what a process has written to storage."""
    return Path("/proc/self/io").exists()


def most_memory_bytes(pid: int) -> int | None:
    """The most memory that a process has held at a time; None where it has ended, or is not ours to look at."""
    return _numbered(f"/proc/{pid}/status", "VmHWM", 1024)


def written_bytes(pid: int) -> int | None:
    """What a process has caused to be written to storage; None as above, or where the kernel does not count it."""
    return _numbered(f"/proc/{pid}/io", "write_bytes", 1)


def _numbered(path: str, name: str, unit: int) -> int | None:
    """The number in the line of this name, in bytes."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path(path).read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * unit
    return None


def starved_s(pids: Iterable[int]) -> float:
    """For how many seconds a thread of these processes, since it began, could run and had to wait for a processor.

    Of the one that has waited longest: several wait at the same time, and those that only wake up now and then wait for
    moments that nothing depends on. 0 where the kernel does not tell (it counts in ``/proc/PID/task/TID/schedstat``).
    """
    threads = ((pid, thread) for pid in pids for thread in numbers(f"/proc/{pid}/task"))
    return max((_waited_ns(f"/proc/{pid}/task/{thread}") for pid, thread in threads), default=0) / 1e9


def _waited_ns(task: str) -> int:
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"{task}/schedstat").read_text(encoding="ascii").split()[1])
    return 0


def command_of(pid: int) -> str:
    """The command line of a process, bounded; what cannot be printed is a question mark."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    text = words.replace(b"\0", b" ").decode("utf-8", errors="replace").strip()[:_LONGEST_COMMAND]
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def boot_of(pid: int) -> str | None:
    """Which boot a process belongs to, by the environment that it was started with; None if that is hidden."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return next((v[len(_MARK) :].decode("ascii", errors="replace") for v in variables if v.startswith(_MARK)), None)


def readable(pid: int) -> bool:
    """Whether we may look into a process: at its environment and its files."""
    return os.access(f"/proc/{pid}/environ", os.R_OK) and os.access(f"/proc/{pid}/fd", os.R_OK)


def listening(port: int | None = None) -> dict[str, int]:
    """Sockets on which somebody listens, at one port or at any: what stands in /proc/PID/fd for it, and the port."""
    found: dict[str, int] = {}
    for table in ("tcp", "tcp6"):
        for words in _listening(f"/proc/net/{table}"):
            at = int(words[1].rpartition(b":")[2], 16)
            if port in (None, at):
                found[f"socket:[{words[9].decode()}]"] = at
    return found


def _listening(table: str) -> Iterator[list[bytes]]:
    """The lines of those who listen. They come first, and as few as can be of the others are read."""
    rest, head = b"", True
    with suppress(OSError), open(table, "rb", buffering=0) as lines:  # noqa: PTH123
        while read := lines.read(_LINE_BYTES):
            *whole, rest = (rest + read).split(b"\n")
            for line in whole:
                words = line.split()
                if not head and words[3] != _LISTENING:
                    return
                if not head:
                    yield words
                head = False


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine; far cheaper than to look into the kernel's table."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return False
    return True


def holds(pid: int, sockets: Iterable[str], folder: str, *, stranger: bool = False) -> bool:
    """Whether a process has one of these sockets, or something in this folder, open.

    A stranger, whom no life has started, may look into the folder: only what it can write to counts.
    """
    wanted, within = set(sockets), f"{folder}/"
    if folder and not stranger and _is_within(f"/proc/{pid}/cwd", folder):
        return True
    for number in numbers(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{number}")  # noqa: PTH115
        except OSError:
            continue
        if target in wanted or (folder and target.startswith(within) and (not stranger or _writes(pid, number))):
            return True
    return False


def ports_of(pid: int) -> list[int]:
    """The ports on which a process listens."""
    sockets, found = listening(), set()
    for number in numbers(f"/proc/{pid}/fd"):
        with suppress(OSError, KeyError):
            found.add(sockets[os.readlink(f"/proc/{pid}/fd/{number}")])  # noqa: PTH115
    return sorted(found)


def _is_within(link: str, folder: str) -> bool:
    try:
        target = os.readlink(link)  # noqa: PTH115
    except OSError:
        return False
    return target == folder or target.startswith(f"{folder}/")


def _writes(pid: int, number: int) -> bool:
    try:
        lines = Path(f"/proc/{pid}/fdinfo/{number}").read_text().splitlines()
    except OSError:
        return False
    flags = next((line.split()[1] for line in lines if line.startswith("flags:")), "0")
    return bool(int(flags, 8) & _WRITES)


def _stat(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123
            return file.read(4096).decode(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ["X", "0"]


def locks_others_out(pids: Collection[int]) -> bool:
    """Whether one of these processes holds a record lock for writing, as a database does while it commits."""
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return False
    held = (line.split() for line in lines if " POSIX " in line and " WRITE " in line and "->" not in line)
    return any(word[4].isdigit() and int(word[4]) in pids for word in held if len(word) > 4)
