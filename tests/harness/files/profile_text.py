"""The text of small profiles."""

from __future__ import annotations

COMMAND = 'command = "serve"'


def tables(**tables: str) -> str:
    """The short profile with some of its tables put in other words."""
    words = {
        "subject": 'url = "http://127.0.0.1:8000/mcp"',
        "contract": 'kind = "resumable-tool"\ntool = "work"',
        **tables,
    }
    return "\n".join(f"[{name}]\n{text}" for name, text in words.items())
