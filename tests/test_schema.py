"""The published schema is what the dataclasses say, and takes every profile that is shipped."""

from __future__ import annotations

import importlib
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.meanings import ARRAYS, MEANINGS, TABLES, keys_of
from mcp_crashtest.files.schema import FILE, schema, text
from tests import profile_page
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
        ({"contract": CONTRACT, "services": [{"name": "db", "kind": "postgres"}], "lives": [{"number": 2}]}, True),
        ({"contract": CONTRACT, "services": [{"kind": "postgres"}]}, False),
        ({"contract": CONTRACT, "services": [{"name": "db", "kind": "oracle"}]}, False),
        ({"contract": CONTRACT, "lives": [{"port": 2}]}, False),
    ],
)
def test_an_editor_is_told_right_from_wrong(document: Any, right: bool) -> None:
    assert (complaints(document) == []) is right


def test_every_key_has_a_meaning_and_every_meaning_a_key() -> None:
    tables = {**TABLES, **ARRAYS}
    keys = [place for name, kind in tables.items() for place, _ in keys_of(kind, name)]
    assert len(keys) == len(set(keys)) > 80
    assert set(MEANINGS) == set(keys)


def test_the_page_of_keys_is_what_the_profile_is_read_by() -> None:
    page = profile_page.PAGE.read_text(encoding="utf-8")
    assert page == profile_page.text(page), "run python -m tests.profile_page"
    for name, kind in TABLES.items():
        for place, _ in keys_of(kind, name):
            assert f"`{place.removeprefix(f'{name}.')}`" in page, place


def test_it_is_installed_with_the_package() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "package-data"
    ]
    assert Path(FILE).name in declared["mcp_crashtest"]
