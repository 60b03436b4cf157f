"""Building what is published: from a copy of the checkout, so that nothing that lies around in it can get in."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NOT_OURS = (".*", "*.egg-info", "__pycache__", "build", "dist", "crashtest-*")


def build(folder: Path, *options: str) -> Path:
    """Build with ``python -m build`` and these options; returns the folder that holds the archives."""
    copy, built = folder / "checkout", folder / "built"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_OURS))
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(built), *options, str(copy)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the build failed:\n{done.stdout}")
    return built


def the_wheel(built: Path) -> Path:
    """The one wheel in this folder."""
    (wheel,) = built.glob("*.whl")
    return wheel
