"""A copy of a folder is whole, but for what is no part of a server; and only a small one is made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcp_crashtest.files.mirrors import mirrored


def _project(folder: Path) -> Path:
    for name in ("server.py", "lib/a.py", ".git/config", ".vscode/mcp.json", "crashtest-report/x", ".venv/pyvenv.cfg"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    (folder / "web" / "node_modules").mkdir(parents=True)
    os.mkfifo(folder / "pipe")
    (folder / "gone").symlink_to("nowhere")
    return folder


def test_what_is_written_in_a_copy_is_not_in_the_folder(tmp_path: Path) -> None:
    folder = _project(tmp_path)
    with mirrored(folder) as copy:
        assert copy is not None
        assert sorted(path.name for path in copy.iterdir()) == [".venv", ".vscode", "gone", "lib", "server.py", "web"]
        assert (copy / "lib" / "a.py").read_text(encoding="utf-8") == "lib/a.py"
        assert not (copy / "server.py").is_symlink()
        assert (copy / ".venv").resolve() == folder / ".venv"
        assert (copy / "web" / "node_modules").resolve() == folder / "web" / "node_modules"
        (copy / "server.py").write_text("other", encoding="utf-8")
    assert not copy.exists()
    assert (folder / "server.py").read_text(encoding="utf-8") == "server.py"
    assert (folder / ".venv" / "pyvenv.cfg").exists()


@pytest.mark.parametrize(("files", "size"), [(3001, 0), (1, (64 << 20) + 1)], ids=["too many", "too large"])
def test_a_large_folder_is_not_copied_but_for_what_is_linked(tmp_path: Path, files: int, size: int) -> None:
    (tmp_path / "node_modules").mkdir()
    for number in range(files):
        with (tmp_path / "node_modules" / f"{number}").open("wb") as file:
            file.truncate(size)
    with mirrored(tmp_path) as copy:
        assert copy is not None
    (tmp_path / "node_modules").rename(tmp_path / "data")
    with mirrored(tmp_path) as copy:
        assert copy is None
