"""The samples of docs/fixture-tool.md: ``init`` knows the tool by its name, and they are certified."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.lab import ROOT, certify, environment, lab

SAMPLES = ROOT / "docs" / "samples"
TYPESCRIPT = SAMPLES / "typescript"


def initiated(folder: Path, command: str) -> Path:
    """The profile that ``init`` writes for this command, with a job of 30 records."""
    profile = folder / "crashtest.toml"
    words = ("init", "--yes", "--json", "--transport", "http", "--records", 30, "--output", profile)
    done = lab(*words, "--command", command)
    assert done.code == 0, done.out + done.err
    said = json.loads(done.out)
    assert said["guesses"] == [], "the fixture tool leaves nothing to be guessed"
    assert "effects.rework" in said["assessed"]
    return profile


@pytest.mark.soak
def test_init_knows_the_tool_and_its_ledger(tmp_path: Path) -> None:
    profile = initiated(tmp_path, f"python {SAMPLES / 'fixture_fastmcp.py'} --port 8000 --db fixture.db")
    said = tomllib.loads(profile.read_text(encoding="utf-8"))
    assert said["contract"]["kind"] == "resumable-tool"
    assert said["subject"]["environment"] == {"CRASHTEST_LEDGER": "{ledger}"}
    assert said["observe"]["records"] == {"items": "$.records", "key": "$.id"}


@pytest.mark.soak
@pytest.mark.parametrize("sample", ["fixture_fastmcp.py", "fixture_sdk.py"])
def test_a_sample_in_python_is_certified(tmp_path: Path, sample: str) -> None:
    profile = initiated(tmp_path, f"python {SAMPLES / sample} --port 8000 --db fixture.db")
    done = certify(tmp_path / "report", "--profile", profile, "--quick")
    assert done.code == 0, done.out + done.err


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("npm") is None, reason="the TypeScript samples need node and npm")
def test_the_sample_in_typescript_is_certified(tmp_path: Path) -> None:
    built = tmp_path / "typescript"
    shutil.copytree(TYPESCRIPT, built, ignore=shutil.ignore_patterns("node_modules", "dist"))
    for words in (["npm", "install", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        subprocess.run(words, cwd=built, env=environment(), check=True, timeout=600, capture_output=True)
    profile = initiated(tmp_path, f"FIXTURE_DIR={{state_dir}} node {built / 'dist' / 'http.js'}")
    done = certify(tmp_path / "report", "--profile", profile, "--quick")
    assert done.code == 0, done.out + done.err


def test_the_page_shows_the_sample_as_it_is() -> None:
    page = (ROOT / "docs" / "fixture-tool.md").read_text(encoding="utf-8")
    shown = page.partition("```python\n")[2].partition("```")[0]
    squeezed = "".join(shown.split())
    assert len(squeezed) > 500
    assert squeezed in "".join((SAMPLES / "fixture_fastmcp.py").read_text(encoding="utf-8").split())
