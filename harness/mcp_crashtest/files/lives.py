"""What a profile says about lives: [[lives]], another version of the server on the same store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.subject_spec import LifeSpec


def lives_in(data: Any, source: str) -> tuple[LifeSpec, ...]:
    """The [[lives]], by their numbers; raises UsageError."""
    place = f"{source}: [[lives]]"
    known = sorted(field.name for field in fields(LifeSpec))
    if not isinstance(data, list) or not all(isinstance(one, Mapping) and not set(one) - set(known) for one in data):
        raise UsageError(f"{place}: each is a table of its own with {', '.join(known)}")
    try:
        lives = [TypeAdapter(LifeSpec).validate_python(dict(one)) for one in data]
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{place}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    numbers = [life.number for life in lives if life.number is not None]
    if numbers and len(numbers) < len(lives):
        raise UsageError(
            f"{place}: give all of them a number, from which life on they hold, or none: then they take turns"
        )
    if numbers and (len(set(numbers)) < len(numbers) or min(numbers) < 2):
        raise UsageError(f"{place}: numbers are 2 or more (the first life is [subject]'s), and each is there once")
    return tuple(sorted(lives, key=lambda life: life.number or 0))


def check_lives(profile: Profile, source: str) -> None:
    """Check that they are lives of a server that the lab starts, and takes the socket that it is given."""
    subject = profile.subject
    if profile.lives and subject.command is None:
        raise UsageError(f"{source}: [[lives]] are for a subject that the lab starts: give its [subject] command")
    for life in profile.lives:
        if life.command is not None and ("{listen_fd}" in life.command) != subject.inherits_socket:
            raise UsageError(f"{source}: [[lives]] command and [subject] command have both {{listen_fd}}, or neither")
