"""What can go wrong, by what the user can do about it; each error knows the exit code that it ends a command with.

``Interrupted`` errors are those after which the same question may be asked again: the server is away, was cut off, or
has lost the session. Whether the question has taken effect is what tells them apart.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes. They are a contract with scripts."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    GONE = 4
    UNCERTAIN = 5
    UNFINISHED = 6
    LOCKED = 7
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "done: the task is completed, or the command has done what it was asked for",
    Exit.FAILED: "the server refused, or said more than can be held, or the task ended failed or cancelled",
    Exit.USAGE: "a bad option, or a state file or token that cannot be used",
    Exit.UNREACHABLE: "the server could not be reached within --patience-s; nothing is lost, come back later",
    Exit.GONE: "the task is lost, has expired, or has never existed",
    Exit.UNCERTAIN: "nobody knows whether a submission has reached the server: 'resume --again' or 'forget' it",
    Exit.UNFINISHED: "the task is not finished: it is paused, waits for input, or --deadline-s is over; it is kept",
    Exit.LOCKED: "another client is using the state file",
    Exit.INTERRUPTED: "interrupted; tasks go on at the server, 'watch' comes back to them",
}


class ClientError(Exception):
    """The root of all errors of this client; the text is for the person at the terminal."""

    exit = Exit.FAILED


class UsageError(ClientError):
    """What was asked for cannot be done as it was asked."""

    exit = Exit.USAGE


class NotOffered(UsageError):
    """The server has no such tool."""


class StateError(ClientError):
    """The state file cannot be used, and must not be touched."""

    exit = Exit.USAGE


class StateLocked(ClientError):
    """Another client holds the state file."""

    exit = Exit.LOCKED


class Refused(ClientError):
    """The server answered, and the answer is no. ``code`` is that of JSON-RPC, or None for a tool's own error."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class TooLarge(ClientError):
    """The server's answer is larger than this client is willing to hold."""


class NotFound(Refused):
    """The server does not know the task or resource."""

    exit = Exit.GONE


class Denied(ClientError):
    """The server wants another token, or none of ours (HTTP 401 or 403)."""

    exit = Exit.USAGE


class Uncertain(ClientError):
    """A submission may or may not have reached the server, and it cannot be repeated without risk."""

    exit = Exit.UNCERTAIN


class Unfinished(ClientError):
    """The task has not ended, and waiting for it has. ``may_have_happened``: a request was under way just then."""

    exit = Exit.UNFINISHED

    def __init__(self, message: str, *, may_have_happened: bool = False) -> None:
        super().__init__(message)
        self.may_have_happened = may_have_happened


class Interrupted(ClientError):
    """The exchange was cut off. ``may_have_happened``: whether the request can have taken effect."""

    exit = Exit.UNREACHABLE
    may_have_happened = True


class Unreachable(Interrupted):
    """Nobody accepts a connection: the request was not sent."""

    may_have_happened = False


class SessionLost(Interrupted):
    """The server does not know the session any more, and has not looked at the request."""

    may_have_happened = False


class Broken(Interrupted):
    """The connection ended, or the server failed, in the middle of the exchange."""


class TimedOut(Interrupted):
    """No answer in time."""


class GivenUp(ClientError):
    """The server was away for longer than we wait."""

    exit = Exit.UNREACHABLE
