"""What a client under test leaves to be read: the JSON that it has printed, and its state file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcp_crashtest.model.paths import find
from mcp_crashtest.model.secrets import masked
from mcp_crashtest.model.text import NOTHING, excerpt, fingerprint

_LARGEST_BYTES = 1 << 26
_SHOWN_BYTES = 80


def printed(path: Path, paths: Sequence[str]) -> list[list[str]]:
    """What stands at these paths of the JSON document in a file, or in its last line: [path, text and digest] pairs.

    A path at which there is nothing has the text NOTHING.
    """
    document = _document(path)
    return [[place, _told(find(document, place))] for place in paths]


def _told(value: Any) -> str:
    return NOTHING if value is None else f"{masked(json.dumps(value))[:_SHOWN_BYTES]} ({fingerprint(value)})"


def _document(path: Path) -> Any:
    text = path.read_bytes()[:_LARGEST_BYTES].decode(errors="replace").strip()
    for candidate in (text, text.rpartition("\n")[2]):
        try:
            return json.loads(candidate)
        except (ValueError, RecursionError):
            continue
    return None


def state_of(path: Path, handles: Sequence[str]) -> tuple[bool, dict[str, Any]]:
    """Whether a state file can be read, and what it says: ``found`` and ``handles``, or the ``error``."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return True, {"found": False, "handles": []}
    except OSError as error:
        return False, {"error": excerpt(error)}
    if len(raw) > _LARGEST_BYTES:
        return False, {"error": f"it has more than {_LARGEST_BYTES} bytes"}
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return False, {"error": f"{excerpt(error)}, in {len(raw)} bytes that end with {raw[-_SHOWN_BYTES:]!r}"}
    found = [find(document, place) for place in handles]
    return True, {"found": True, "handles": [excerpt(handle) for handle in found if isinstance(handle, str)]}
