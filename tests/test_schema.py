"""The published schema is what the dataclasses say, and takes every profile that is shipped."""

from __future__ import annotations

import importlib
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.profiles import TABLES
from mcp_crashtest.files.schema import FILE, MEANINGS, schema, text
from tests.lab import ROOT

WRONG = {Path("tests/cases/01-tool-poll/c-guess.toml")}  # what a user has tried first
SHIPPED = [
    path
    for folder in (
        "scenarios/profiles",
        "tests/cases",
        "tests/mutants",
        "tests/third_party",
        "tests/small",
        "tests/node",
    )
    for path in sorted((ROOT / folder).rglob("*.toml"))
    if path.relative_to(ROOT) not in WRONG
]


@cache
def validator() -> Any:
    return importlib.import_module("jsonschema").Draft7Validator(schema())


def complaints(document: Any) -> list[str]:
    return [error.message for error in validator().iter_errors(document)]


def test_it_is_what_is_published() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run python -m mcp_crashtest.files.schema"


def test_every_profile_that_is_shipped_is_one() -> None:
    assert len(SHIPPED) > 60
    documents = {path: tomllib.loads(path.read_text(encoding="utf-8")) for path in SHIPPED}
    profiles = {path: found for path, found in documents.items() if "contract" in found}
    assert {str(path): said for path, found in profiles.items() if (said := complaints(found))} == {}


CONTRACT = {"kind": "resource-task", "tool": "start"}


@pytest.mark.parametrize(
    ("document", "right"),
    [
        ({"contract": CONTRACT}, True),
        ({"subjects": {"a": {"contract": CONTRACT}}}, True),
        ({"contract": CONTRACT, "subject": {"headers": {"A": "${TOKEN}"}, "stop": "group"}}, True),
        ({}, False),
        ({"contract": {**CONTRACT, "kind": "telepathy"}}, False),
        ({"contract": CONTRACT, "subject": {"port": "a"}}, False),
        ({"contract": CONTRACT, "subject": {"hidden": {}}}, False),
        ({"contract": CONTRACT, "subject": {"headers": {"A": 1}}}, False),
        ({"contract": CONTRACT, "observe": {"records": {"ky": "$.id"}}}, False),
        ({"contract": CONTRACT, "nothing": {}}, False),
    ],
)
def test_an_editor_is_told_right_from_wrong(document: Any, right: bool) -> None:
    assert (complaints(document) == []) is right


def test_a_meaning_is_that_of_a_key() -> None:
    keys = {f"{table}.{key}" for table, kind in TABLES.items() for key in kind.__slots__}
    assert set(MEANINGS) <= keys


def test_it_is_installed_with_the_package() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "package-data"
    ]
    assert Path(FILE).name in declared["mcp_crashtest"]
