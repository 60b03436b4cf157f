"""Writing files whole: whoever reads one sees the old text or the new one, never a half."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from mcp_crashtest.model.secrets import without_secrets


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` by a file with this text, durably; the folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A new file beside ``path``, which takes its place at the end; after an exception there is nothing of it."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        # As any other file: whoever comes next may read it (tempfile would keep it to us alone).
        with temporary.open("x", encoding="utf-8", errors="backslashreplace") as file:
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON with a newline at its end, and without secrets."""
    write_atomically(path, json.dumps(without_secrets(value), indent=2, ensure_ascii=True) + "\n")
