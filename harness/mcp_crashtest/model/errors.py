"""Who is to blame when something goes wrong.

Three errors, three exit codes. A harness error never counts against a subject, nor for it.
Each message says what was expected, what was seen and what to change.
"""

from __future__ import annotations


class CrashtestError(Exception):
    """The root of all errors that the lab raises on purpose."""


class UsageError(CrashtestError):
    """The person at the keyboard asked for something impossible: a bad option, profile or file. Exit code 2."""


class SubjectError(CrashtestError):
    """The subject could not be started, reached or driven at all. Exit code 3."""


class HarnessError(CrashtestError):
    """The lab itself failed, or could not prove what it did. Exit code 4."""
