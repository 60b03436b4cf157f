"""The habits of the house that a machine can see: files fit a thought, and each dangerous word has one owner."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_crashtest.model.standing import Standing

ROOT = Path(__file__).resolve().parents[1]
LAB = ROOT / "harness" / "mcp_crashtest"
MOST_LINES = 330
HERE = Path(__file__).relative_to(ROOT)
STRANGERS = "tests/unseen/"  # written by people who do not live here

# Names that stand in a bundle, as they would be spelt; whoever needs one asks files.bundle.
BUNDLE_NAMES = re.compile(
    r"(plan|history|judgement|certificate|profile|ledger)\.jsonl?\b|mcp-crashtest\.json|\bboot-[0-9{]|/runs/"
)


def python_files() -> list[Path]:
    """Every Python file of the repository, relative to its top."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [Path(name) for name in listed.stdout.split("\0") if name and not name.startswith(STRANGERS)]
    return sorted(path for path in found if (ROOT / path).exists() and not (ROOT / path).is_symlink())


FILES = python_files()


def test_a_file_fits_a_thought() -> None:
    lines = {str(path): (ROOT / path).read_text(encoding="utf-8").count("\n") for path in FILES}
    assert len(lines) > 400
    assert {path: n for path, n in lines.items() if n > MOST_LINES} == {}, "find the two things that it is"


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Every string of a file but its documentation, with its line."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node.lineno, node.value


def spells_a_path(path: Path) -> list[str]:
    """The places at which a file spells a name of the bundle."""
    return [f"{path}:{line}: {text!r}" for line, text in strings(path) if BUNDLE_NAMES.search(text)]


def test_only_the_room_of_files_knows_where_evidence_lies() -> None:
    others = [path for path in FILES if path != HERE and LAB / "files" not in (ROOT / path).parents]
    assert len(others) > 400
    assert [place for path in others for place in spells_a_path(path)] == []


def test_that_room_does_know_it() -> None:
    knows = [path for path in FILES if LAB / "files" in (ROOT / path).parents and spells_a_path(path)]
    assert {path.name for path in knows} == {"bundle.py", "run_folder.py"}


def exit_codes_in(path: Path) -> list[int]:
    """The lines at which a function of the lab's commands returns, or exits with, a number of its own."""
    found = []
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        value: ast.expr | None = None
        if isinstance(node, ast.Return):
            value = node.value
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "exit" and node.args:
            value = node.args[0]
        if isinstance(value, ast.Constant) and type(value.value) is int:
            found.append(value.lineno)
    return found


DOORS = [p for p in FILES if (ROOT / p).parent in (LAB, LAB / "commands", LAB / "sessions", LAB / "reporting")]


@pytest.mark.parametrize("path", [path for path in DOORS if path.name != "exit_codes.py"], ids=str)
def test_exit_codes_are_decided_in_one_place(path: Path) -> None:
    assert exit_codes_in(path) == []


def test_the_names_of_contracts_stand_in_one_module_of_the_lab() -> None:
    of_the_lab = [path for path in FILES if LAB in (ROOT / path).parents]
    for name in ("resumable-tool", "resource-task", "tool-task", "tasks-extension", "tasks-2025", "sse-resume"):
        spelt = [path.name for path in of_the_lab if name in (ROOT / path).read_text(encoding="utf-8")]
        assert spelt == ["contract_spec.py"], f"{name} stands in {spelt}"


@pytest.mark.parametrize("text", ["report/runs/x", "history.jsonl", "boot-1.log", "plan.json", "*/ledger.jsonl"])
def test_a_spelt_path_is_found(text: str) -> None:
    assert BUNDLE_NAMES.search(text)


def test_why_something_was_not_tried_is_said_in_the_words_of_one_table() -> None:
    of_the_lab = [path for path in FILES if LAB in (ROOT / path).parents and path.name != "standing.py"]
    spelt = [
        f"{path}:{node.lineno}"
        for path in of_the_lab
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and any(node.value.startswith(str(standing)) for standing in Standing)
    ]
    assert not spelt
