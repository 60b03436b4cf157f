"""What a client tells whoever listens to it."""

from __future__ import annotations

from dataclasses import dataclass

from reference_client.state import Job


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job has changed: its progress, its status, or its end has come."""

    job: Job


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the user should know; ``trouble`` when it is not as it should be."""

    text: str
    trouble: bool = False


Event = JobChanged | Notice
