"""The reference client: it can be killed at any moment and knows where it was.

Nothing is imported before it is asked for: what the client needs beside Python is an extra of this distribution.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference_client.client import DurableClient
    from reference_client.errors import ClientError
    from reference_client.events import Event, JobChanged, Notice
    from reference_client.state import Contract, Job, Phase, State

__all__ = ["ClientError", "Contract", "DurableClient", "Event", "Job", "JobChanged", "Notice", "Phase", "State"]

_HOMES = {
    "client": ("DurableClient",),
    "errors": ("ClientError",),
    "events": ("Event", "JobChanged", "Notice"),
    "state": ("Contract", "Job", "Phase", "State"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what is asked for (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
