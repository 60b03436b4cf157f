"""The bundle: the evidence of a session on disk.

    crashtest-report/
      mcp-crashtest.json      says that the folder is ours
      certificate.json
      runs/<profile>/profile.json
      runs/<profile>/<scenario>/<number>/plan.json, history.jsonl, judgement.json, boot-*.log, ledger.jsonl

A folder that is not ours is never touched.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mcp_crashtest.files import write_json
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.operation import History
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.profiles import parse_profile

MARKER = "mcp-crashtest.json"
BUNDLE_FORMAT = 1


def prepare(folder: Path, session: str) -> None:
    """Make the folder ready for this session: what an earlier one left is removed, once.

    Sessions with several worker processes share a folder and a ``session``. Raises UsageError for a folder that
    holds anything and is not ours.
    """
    marker = folder / MARKER
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"the report directory {folder} is a file: give another one to --report-dir")
    if folder.is_dir() and any(folder.iterdir()) and not marker.exists():
        raise UsageError(
            f"the report directory {folder} holds files that are not ours, and would be emptied: give a new or an "
            f"empty one to --report-dir"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with marker.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            text = file.read()
            if text and json.loads(text).get("session") == session:
                return
            shutil.rmtree(folder / "runs", ignore_errors=True)
            (folder / "certificate.json").unlink(missing_ok=True)
            file.truncate(0)
            file.write(json.dumps({"format": BUNDLE_FORMAT, "session": session}) + "\n")
    except (OSError, ValueError) as error:
        raise UsageError(f"the report directory {folder} cannot be used: {error}") from error


def save_profile(folder: Path, profile: Profile) -> None:
    """Keep the profile beside its runs, so that they can be replayed."""
    write_json(folder / "runs" / profile.name / "profile.json", profile.to_json())


def saved_profile(run: Path) -> Profile:
    """The profile of a run's folder; raises UsageError."""
    path = run.parent.parent / "profile.json"
    data = _json(path)
    try:
        folder = Path(data.pop("folder"))
        return parse_profile(data, name=data["name"], source=str(path), folder=folder)
    except (KeyError, AttributeError, TypeError) as error:
        raise UsageError(f"{path} is not a profile of a bundle: {error!r}") from error


def saved_plan(path: Path) -> Plan:
    """The plan in a file, or in a run's folder; raises UsageError."""
    data = _json(path / "plan.json" if path.is_dir() else path)
    if not isinstance(data, dict):
        raise UsageError(f"{path} is not a plan: expected a JSON object")
    return Plan.from_json(data)


def saved_runs(folder: Path) -> Iterator[tuple[Path, History, dict[str, Any]]]:
    """Every run of a bundle that was judged: its folder, history and judgement; raises UsageError."""
    if not (folder / MARKER).exists():
        raise UsageError(f"{folder} is not a report directory of mcp-crashtest: there is no {MARKER} in it")
    for path in sorted(folder.glob("runs/*/*/**/history.jsonl")):
        judged = path.with_name("judgement.json")
        if judged.exists():
            with path.open(encoding="utf-8") as file:
                yield path.parent, History.from_lines(file), _json(judged)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
