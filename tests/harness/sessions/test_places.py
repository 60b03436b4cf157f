"""A finding is shown at a file of the repository: the one that the command starts, or the profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.sessions.places import files_of

PROFILE = """
[subject]
command = "{command}"
url = "http://127.0.0.1:{{port}}/mcp"
[contract]
kind = "resource-task"
tool = "start"
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("conf/server.py", "src/app/__main__.py", "src/one.py", "dist/index.js"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "subject"),
    [
        ("python server.py --port {port}", "conf/server.py"),
        ("{python} {here}/server.py --port {port}", "conf/server.py"),
        ("python -m app --port {port}", "src/app/__main__.py"),
        ("python -m one", "src/one.py"),
        ("node ../dist/index.js", "dist/index.js"),
        ("python missing.py", None),
        ("my-server --port {port}", None),
        ("python /usr/bin/env.py", None),
    ],
)
def test_names_are_relative_to_the_repository(repository: Path, command: str, subject: str | None) -> None:
    file = repository / "conf" / "mine.toml"
    file.write_text(PROFILE.format(command=command))
    found = files_of(read_profile(file), file)
    assert found == {"profile": "conf/mine.toml", **({"subject": subject} if subject else {})}


def test_one_of_several_subjects_in_a_file_is_at_that_file(repository: Path) -> None:
    file = repository / "conf" / "mine.toml"
    file.write_text(PROFILE.format(command="my-server"))
    assert files_of(read_profile(file), Path(f"{file}#mine")) == {"profile": "conf/mine.toml"}


def test_what_lies_outside_is_left_out(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "server.py").touch()
    file = outside / "mine.toml"
    file.write_text(PROFILE.format(command="python server.py"))
    assert files_of(read_profile(file), file) == {}
