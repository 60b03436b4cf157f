"""Bounds of what may be asked for. A refusal says what was expected and what was found."""

from __future__ import annotations

from reference_server.errors import Refusal

MOST_RECORDS = 10_000_000
LARGEST_BATCH = 10_000
LONGEST_BATCH_CHARACTERS = 100_000_000
LONGEST_ID = 128
LARGEST_READ_BYTES = 4 << 20
COUNTED_AT_ONCE = 100
PAGE_RECORDS = 500
LISTED_TASKS = 100
MOST_UNFINISHED = 2_000
MOST_EPOCHS = 100_000
LARGEST_DATASET = 1_000_000
LONGEST_DELAY_S = 3600.0

# Defaults of options.
CONNECTIONS = 1000
CONNECTIONS_OF_PEER = 500
REQUEST_S = 20.0
SESSION_S = 600.0
SESSIONS_OF_OWNER = 200
REQUESTS_OF_OWNER = 250
FINISHED_TASKS = 1_000
STORED_BYTES = 1 << 30
FILES = 1_000

SESSIONS = 2_000


def number(name: str, value: int, most: int) -> int:
    """The value, if it is from 1 to ``most``."""
    if not 1 <= value <= most:
        raise Refusal(f"{name} must be a whole number from 1 to {most}, found {value}")
    return value


def seconds(name: str, value: float, most: float) -> float:
    """The value, if it is from 0 to ``most``."""
    if not 0 <= value <= most:
        raise Refusal(f"{name} must be a number of seconds from 0 to {most:g}, found {value}")
    return value


def identifier(name: str, value: str) -> str:
    """The value, if it is a short printable text."""
    if not 1 <= len(value) <= LONGEST_ID or not value.isprintable():
        raise Refusal(f"{name} must be 1 to {LONGEST_ID} printable characters")
    return value
