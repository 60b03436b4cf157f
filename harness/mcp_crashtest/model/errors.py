"""Who is to blame when something goes wrong, and how a scenario ends when it does not pass.

Three errors, three exit codes. A harness error never counts against a subject, nor for it.
Each message says what was expected, what was seen and what to change.
"""

from __future__ import annotations

from mcp_crashtest.model.secrets import masked


class CrashtestError(Exception):
    """The root of all errors that the lab raises on purpose. What they say holds no secret.

    ``said``: the same was raised before, and is no news.
    """

    said: bool = False

    def __str__(self) -> str:
        return masked(super().__str__())


class UsageError(CrashtestError):
    """The person at the keyboard asked for something impossible: a bad option, profile or file. Exit code 2."""


class SubjectError(CrashtestError):
    """The subject could not be started, reached or driven at all. Exit code 3."""


class NotTaken(SubjectError):
    """The subject refuses a job with nobody in the way: it may not be ready yet, and say so in words of its own."""


class HarnessError(CrashtestError):
    """The lab itself failed, or could not prove what it did. Exit code 4."""


class NoRoom(HarnessError):
    """The evidence cannot be written any more: nothing that comes after shows anything."""


class Violation(AssertionError):
    """An invariant is broken: the subject's fault."""

    def __str__(self) -> str:
        return masked(super().__str__())


class Unproven(Exception):
    """A run proves nothing: a fault did not land, or could not be proven to have."""

    def __str__(self) -> str:
        return masked(super().__str__())


class NotApplicable(Exception):
    """A scenario makes no sense for this subject: it caps nothing."""


class NotAssessed(Exception):
    """A scenario cannot be played with this subject; the text is the cap that the certificate names."""
