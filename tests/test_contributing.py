"""CONTRIBUTING tells the truth: every place that it names is there, and its table of rooms is the house's."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.test_layers import FLOOR_OF

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PLACES = sorted(set(re.findall(r"`([\w/]+\.py):(\w+)`", TEXT)))
FILES = sorted(set(re.findall(r"`((?:harness|scenarios|tests|reference_\w+)/[\w/]+\.py)[`:]", TEXT)))
FOLDERS = sorted(set(re.findall(r"`((?:harness|scenarios|tests|reference_\w+)(?:/\w+)*)`", TEXT)))
_LAB, _SHORT = "harness/mcp_crashtest/", "contract.py"


def module_of(path: str) -> str:
    """The module that a file is, as it is imported."""
    full = f"{_LAB}contracts/{path}" if path == _SHORT else path
    named = full.removeprefix("harness/") if full.startswith(_LAB) else full
    named = f"mcp_crashtest/{named}" if named.startswith("scenarios/") else named
    return named.removesuffix(".py").replace("/", ".")


@pytest.mark.parametrize(("path", "name"), PLACES)
def test_every_step_of_the_walk_is_there(path: str, name: str) -> None:
    assert hasattr(importlib.import_module(module_of(path)), name), f"{path} has no {name}"


@pytest.mark.parametrize("path", [*FILES, *FOLDERS])
def test_every_file_and_folder_that_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_walk_goes_through_all_three_data() -> None:
    for datum in ("A plan", "A batch in the reference server", "A wire message"):
        assert f"**{datum}**" in TEXT
    assert len(PLACES) > 25


def test_every_room_stands_in_the_table() -> None:
    table = TEXT[TEXT.index("| room of") : TEXT.index("Beside the lab")]
    rooms = set(re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in table.splitlines() if "|" in line)))
    assert rooms - {"mcp_crashtest"} >= set(FLOOR_OF)
