"""The standard streams of a server on stdio: a pair of pipes for each life, made by the lab and given away.

The server's ends are its own once it has been started; the client's ends go to a client. Whoever has not given away
what he has made keeps a dead server's pipes open, and a dead client's: nothing is kept.
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(slots=True)
class Streams:
    """Two pipes. ``theirs`` are what the server reads and writes, ``ours`` what a client reads and writes."""

    theirs: tuple[int, ...]
    ours: tuple[int, ...]

    @classmethod
    def made(cls) -> Streams:
        """New ones; no process that is started meanwhile inherits them."""
        to_server, from_client = os.pipe()
        try:
            to_client, from_server = os.pipe()
        except OSError:
            os.close(to_server)
            os.close(from_client)
            raise
        return cls((to_server, from_server), (to_client, from_client))

    def given_to_server(self) -> None:
        """The server has its ends."""
        for descriptor in self.theirs:
            os.close(descriptor)
        self.theirs = ()

    def taken(self) -> tuple[int, ...]:
        """The client's ends, to be closed by whoever takes them; empty where they were taken before."""
        ours, self.ours = self.ours, ()
        return ours

    def close(self) -> None:
        """Close what is left: a server that has no client meets the end of its input."""
        self.given_to_server()
        for descriptor in self.taken():
            os.close(descriptor)
