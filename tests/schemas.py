"""The published schemas that reports are held against: fetched once, beside the environment; not ours to keep.

    python -m tests.schemas

SARIF's comes with a package of npm, JUnit's (which Jenkins publishes) with the sources of pytest. A test that needs one
that was not fetched is skipped by name.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / ".schemas"
SARIF, JUNIT = "sarif-2.1.0-rtm.5.json", "junit-10.xsd"
_PACKED = {
    SARIF: ("npm", "pack", "--silent", "@microsoft/jest-sarif@1.0.0-beta.0"),
    JUNIT: (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "pytest", "pytest==9.0.2"),
}
_DEADLINE_S = 300


def schema(name: str) -> Path:
    """Where a schema lies; the test is skipped where it was not fetched."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} was not fetched: python -m tests.schemas")
    return path


def fetch(name: str, packed: Sequence[str]) -> None:
    """Have a package, and keep the schema that is in it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(packed, cwd=folder, check=True, timeout=_DEADLINE_S, stdout=subprocess.DEVNULL)
        [archive] = Path(folder).iterdir()
        with tarfile.open(archive) as files:
            [member] = [one for one in files.getmembers() if one.name.rpartition("/")[2] == name]
            text = files.extractfile(member)
            assert text is not None
            FOLDER.mkdir(exist_ok=True)
            (FOLDER / name).write_bytes(text.read())


def main() -> None:
    """Fetch what is missing; whatever cannot be had is named, and the rest goes on."""
    for name, packed in _PACKED.items():
        if not (FOLDER / name).exists():
            try:
                fetch(name, packed)
            except (OSError, subprocess.SubprocessError, ValueError, tarfile.TarError) as error:
                print(f"{name} could not be fetched: {error}")
    print(json.dumps(sorted(path.name for path in FOLDER.glob("*"))))


if __name__ == "__main__":
    main()
