"""What an earlier session left is put away, under the time at which it ended, and can be read and judged there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcp_crashtest.files.atomic import write_json

_KEPT = 5


def put_away(folder: Path, previous: str, names: Sequence[str]) -> None:
    """Move what is called so into a folder of its own under ``previous``; the oldest of those are removed.

    The last name is the marker, which is copied: the folder stays ours all the while. ``names[0]`` are the runs,
    ``names[1]`` is the certificate; where there is neither, there is nothing to put away. The rest goes with them.
    """
    runs, certificate, *more, marker = names
    if not any((folder / name).exists() for name in (runs, certificate)):
        return
    place = _place(folder / previous, _ended(folder, (certificate, runs)))
    shutil.copyfile(folder / marker, place / marker)
    for name in (runs, certificate, *more):
        with suppress(FileNotFoundError):
            (folder / name).rename(place / name)
    with suppress(OSError, ValueError, TypeError, KeyError):
        _mend_replays(place / certificate, runs, f"{previous}/{place.name}/{runs}")
    for old in sorted((folder / previous).iterdir())[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _ended(folder: Path, names: Sequence[str]) -> str:
    newest = next((folder / name).stat().st_mtime for name in names if (folder / name).exists())
    return datetime.fromtimestamp(newest, UTC).strftime("%Y-%m-%dT%H-%M-%S")


def _place(previous: Path, ended: str) -> Path:
    previous.mkdir(exist_ok=True)
    in_this_second = [path.name for path in previous.iterdir() if path.name.startswith(ended)]
    last = max((int(name.removeprefix(ended).lstrip(".") or 0) for name in in_this_second), default=None)
    place = previous / (ended if last is None else f"{ended}.{last + 1:04d}")
    place.mkdir()
    return place


def _mend_replays(certificate: Path, runs: str, moved: str) -> None:
    """The lines that replay a finding name its run where it lies now."""
    document: dict[str, Any] = json.loads(certificate.read_text(encoding="utf-8"))
    for finding in [*document["findings"], *(f for s in document["scenarios"] for f in s["findings"])]:
        pattern = rf"(?<![^/\s'\"]){re.escape(runs)}/(?={re.escape(finding['profile'])}/)"
        finding["replay"] = re.sub(pattern, f"{moved}/", finding["replay"])
    write_json(certificate, document)
