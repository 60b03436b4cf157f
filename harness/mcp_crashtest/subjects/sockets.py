"""Ports for subjects: a listening socket that the lab holds over restarts, or a number that is free."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import time
from urllib.parse import urlsplit

from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.subjects.proc import command_of, is_free, numbers, ports_of

LOOPBACK = "127.0.0.1"
_BACKLOG = 128
_ACCEPTING_S = 0.5
GIVING_BACK_S = 3.0
_POLL_S = 0.02
_FIRST, _LAST = 20_000, 32_000  # below the range from which Linux takes the ports of outgoing connections
_ports = itertools.cycle(random.sample(range(_FIRST, _LAST), _LAST - _FIRST))


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


def find_free_port() -> int:
    """A port that nobody uses, and that stays unused until a subject binds it, again and again.

    The port lies outside the range of outgoing connections, and is not given out twice in one session.
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
