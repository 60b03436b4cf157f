"""Files of expected findings: TOML, or JSON where the name ends so.

    format = 1

    [[expected]]
    profile = "crashtest"
    scenario = "server-killed-everywhere"
    invariant = "records.duplicated"
    reason = "issue 12: mended with the next release"
    date = 2026-11-26

``fingerprint`` is written too, and held against the other keys where it is there; ``sometimes = true`` is for what does
not show in every session.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from mcp_crashtest.files.atomic import write_atomically
from mcp_crashtest.model.baseline import BASELINE_FORMAT, Baseline, Expected
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.invariants import INVARIANTS

_HEAD = """\
# Findings that are expected and do not fail a build; none of them earns a star. What is not here fails, and so does an
# entry that is not found any more: mcp-crashtest baseline update writes this file anew, and keeps the reasons.
"""
_TEXTS = ("profile", "scenario", "invariant", "reason")
_KEYS = frozenset({*_TEXTS, "fingerprint", "date", "sometimes"})
_MEND = "mend it by hand, or have mcp-crashtest baseline update write it"


def read_baseline(path: Path) -> Baseline:
    """The entries of a file; raises UsageError that names the file, the entry and what was expected."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"there is no baseline {path}: mcp-crashtest baseline update --baseline {path} --reason WHY writes one "
            f"from the last report"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the baseline {path} cannot be read: {error}") from error
    try:
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"the baseline {path} is not {'JSON' if path.suffix == '.json' else 'TOML'}: {error}"
        ) from error
    if not isinstance(data, Mapping) or data.get("format") != BASELINE_FORMAT:
        raise UsageError(f"the baseline {path} has no format = {BASELINE_FORMAT}, which this version reads; {_MEND}")
    rows = data.get("expected", [])
    if not isinstance(rows, list) or set(data) - {"format", "expected"}:
        raise UsageError(f"the baseline {path} has format and a table [[expected]] for each finding, and nothing else")
    entries = [_entry(row, f"{path}: [[expected]] number {number}") for number, row in enumerate(rows, start=1)]
    fingerprints = [entry.fingerprint for entry in entries]
    for number, entry in enumerate(entries):
        if entry.fingerprint in fingerprints[:number]:
            raise UsageError(f"{path}: {entry.invariant} in {entry.scenario} of {entry.profile} is expected twice")
    return Baseline(str(path), tuple(entries))


def _entry(row: Any, where: str) -> Expected:
    if not isinstance(row, Mapping):
        raise UsageError(f"{where} is to be a table")
    if unknown := sorted(set(row) - _KEYS):
        raise UsageError(f"{where} has no key {unknown[0]!r}; an entry has {', '.join(sorted(_KEYS))}")
    for name in _TEXTS:
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise UsageError(f"{where}: {name} is to be said, as a text; {_MEND}")
    if row["invariant"] not in INVARIANTS:
        raise UsageError(f"{where}: there is no invariant {row['invariant']!r}; mcp-crashtest explain names them all")
    sometimes = row.get("sometimes", False)
    if not isinstance(sometimes, bool):
        raise UsageError(f"{where}: sometimes is true or false")
    texts = {name: row[name] for name in _TEXTS}
    entry = Expected(**texts, date=_date(row.get("date"), where), sometimes=sometimes)
    if row.get("fingerprint", entry.fingerprint) != entry.fingerprint:
        raise UsageError(
            f"{where}: the fingerprint is not that of profile, scenario and invariant, which is {entry.fingerprint}; "
            f"leave it out where you change one of them"
        )
    return entry


def _date(value: Any, where: str) -> str:
    try:
        return (value if isinstance(value, date) else date.fromisoformat(value)).isoformat()[:10]
    except (TypeError, ValueError):
        raise UsageError(f"{where}: date is to be a day, as in date = 2026-11-26") from None


def write_baseline(path: Path, entries: Sequence[Expected]) -> None:
    """Write a file of these entries, in the order of their subjects and scenarios."""
    ordered = sorted(entries, key=lambda entry: (entry.profile, entry.scenario, entry.invariant))
    if path.suffix == ".json":
        document = {"format": BASELINE_FORMAT, "expected": [entry.to_json() for entry in ordered]}
        write_atomically(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return
    tables = ("\n[[expected]]\n" + "".join(_lines(entry)) for entry in ordered)
    write_atomically(path, f"{_HEAD}format = {BASELINE_FORMAT}\n{''.join(tables)}")


def _lines(entry: Expected) -> list[str]:
    return [f"{name} = {_toml(name, value)}\n" for name, value in entry.to_json().items()]


def _toml(name: str, value: Any) -> str:
    if name == "date":
        return str(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
