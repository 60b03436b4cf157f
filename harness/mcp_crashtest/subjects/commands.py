"""What is needed to start a command: its words and its environment, its input, and the last that it has said."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp_crashtest.files.run_folder import last_bytes, without_torn
from mcp_crashtest.files.secrets import Hidden, filled, filled_word
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.model.secrets import masked

_SHOWN_LINES = 12
_SHOWN_BYTES = 64 << 10
_OURS = ("CRASHTEST_", "PYTEST_")
_SERVED = re.compile(r'"(POST|GET|DELETE) \S+ HTTP/1\.[01]" 2[0-9]{2}')  # an access log of what went well says nothing


def last_lines(path: Path) -> str:
    """The last lines of a log, for an error message."""
    if not path.exists():
        return "(no output)"
    seen = last_bytes(path, _SHOWN_BYTES)
    if path.stat().st_size > len(seen):
        seen = without_torn(seen)
    lines = masked(seen.decode(errors="replace")).strip().splitlines()
    lines = [line for line in lines if not _SERVED.search(line)]
    return "\n".join(lines[-_SHOWN_LINES:]) or "(no output)"


def environment_of(given: Mapping[str, str], values: Mapping[str, Any], hidden: Hidden) -> dict[str, str]:
    """A subject's environment: the lab's own without what is the lab's alone, and what the profile adds.

    Raises UsageError for a secret that nobody has.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
    if "VIRTUAL_ENV" not in environment:  # `python` in a command is the interpreter that the lab runs under
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment["PYTHONUNBUFFERED"] = "1"
    environment.update({k: filled(v, values, hidden, f"environment.{k}") for k, v in given.items()})
    return environment


def words_of(command: str, values: Mapping[str, Any], hidden: Hidden) -> tuple[str, ...]:
    """A command's words. Split first and fill then: a path with a blank in it stays one word."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"the command {command!r} cannot be split into words: {error}") from error
    if not words:
        raise UsageError("the command is empty")
    return tuple(filled_word(word, values, hidden, "command") for word in words)


def absolute(argv: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The command with its program as a path; raises SubjectError where there is none."""
    found = shutil.which(argv[0], path=environment.get("PATH"))
    if found is None:
        raise SubjectError(f"there is no program {argv[0]!r} to start: is it installed, and on the PATH?")
    return (found, *argv[1:])


def write_input(path: Path, workload: Workload) -> None:
    """Write the workload's records as JSONL: an id, a position and some text that follows from both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for number in range(workload.records):
            text = hashlib.sha256(str(number).encode()).hexdigest()[: 16 + number % 48]
            record = {"id": f"record-{number:06d}", "position": number, "text": text}
            file.write(json.dumps(record) + "\n")
