"""One Chromium for all tests of the page: jobs go in, what was seen comes out. Where it is missing they are skipped."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "browser"
_DEADLINE_S = 280


def why_not() -> str | None:
    """What is missing here, and how it is had; None where nothing is."""
    if chromium() is None:
        return "Chromium is not installed: apt-get install chromium"
    if shutil.which("node") is None:
        return "node is not installed: apt-get install nodejs npm"
    if not (FOLDER / "node_modules" / "playwright-core").is_dir():
        return "playwright-core is not installed: npm ci --prefix tests/browser"
    return None


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


needed = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


def drive(folder: Path, jobs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Do these jobs in one browser; what was seen, by their names."""
    asked = folder / "jobs.json"
    asked.write_text(json.dumps(jobs, default=str), encoding="utf-8")
    done = subprocess.run(
        ["node", FOLDER / "drive.mjs", chromium() or "", asked],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=_DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {one["name"]: one for one in json.loads(done.stdout)}
