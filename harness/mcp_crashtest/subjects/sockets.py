"""Ports for subjects: a listening socket that the lab holds over restarts, or a number that is free."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.subjects.proc import command_of, is_free, numbers, ports_of

LOOPBACK = "127.0.0.1"
_BACKLOG = 128
_ACCEPTING_S = 0.5
GIVING_BACK_S = 3.0
_POLL_S = 0.02
_FIRST, _LAST = 20_000, 32_000  # below the range from which Linux takes the ports of outgoing connections
_BLOCK = 60  # ports that a lab takes at a time


def listen_socket() -> socket.socket:
    """A listening socket on loopback, on a port of the system's choice, for ``Launch.inherit``."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.bind((LOOPBACK, 0))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise HarnessError(f"the lab cannot listen on {LOOPBACK}: {error}") from error
    return listening


async def accepts(url: str) -> bool:
    """Whether somebody accepts connections where this URL points, also who only has them wait."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(_ACCEPTING_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except TimeoutError:  # there is a queue before somebody's door
        return True
    except OSError:
        return False
    writer.close()
    return True


async def is_given_back(port: int) -> bool:
    """Whether nobody listens on a port, or does no more within three seconds."""
    deadline = time.monotonic() + GIVING_BACK_S
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


def who_listens(port: int) -> str:
    """Those who listen on a port, as a person says it."""
    found = [pid for pid in numbers("/proc") if port in ports_of(pid)]
    return ", ".join(f"process {pid} ({command_of(pid)[:80]})" for pid in found) or "somebody who is not ours to see"


def _ports_of_ours() -> Iterator[int]:
    """Ports that no other lab gives out; those of this one again and again, once all others have been taken.

    A block is ours while we hold a name that nobody else can have: one of the abstract namespace of Unix sockets, which
    ends with us, however we end, and leaves nothing (unix(7)).
    """
    blocks = range(_FIRST, _LAST, _BLOCK)
    taken: list[int] = []
    for first in random.sample(blocks, len(blocks)):
        held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            held.bind(f"\0mcp-crashtest-ports-{first}")
        except OSError:
            held.close()
            continue
        held.detach()  # never closed: it is ours as long as we live
        ports = random.sample(range(first, first + _BLOCK), _BLOCK)
        taken += ports
        yield from ports
    yield from itertools.cycle(taken)


_ports = _ports_of_ours()


def find_free_port() -> int:
    """A port that nobody uses, and that stays unused until a subject binds it, again and again.

    The port lies outside the range of outgoing connections, is not given out twice in one session, and is given out by
    no other lab on this machine while this one lives: a server that is away must not find another one in its place.
    """
    for port in itertools.islice(_ports, _LAST - _FIRST):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        return port
    raise HarnessError(f"there is no free port from {_FIRST} to {_LAST}")
