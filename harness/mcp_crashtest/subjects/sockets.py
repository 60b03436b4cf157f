"""Ports for subjects: a listening socket that the lab holds over restarts, or a number that is free."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
from urllib.parse import urlsplit

from mcp_crashtest.model.errors import HarnessError

LOOPBACK = "127.0.0.1"
_BACKLOG = 128
_ACCEPTING_S = 0.5
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
