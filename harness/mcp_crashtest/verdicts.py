"""How a scenario ends when it does not pass: with an exception that says which kind of ending it is."""

from __future__ import annotations


class Violation(AssertionError):
    """An invariant is broken: the subject's fault."""


class Unproven(Exception):
    """A run proves nothing: a fault did not land, or could not be proven to have."""
