"""A project of somebody else whose folders have our names: harness, scenarios and tests, with files named as ours."""

from __future__ import annotations

from pathlib import Path

_FILES = {
    "harness/__init__.py": "OWNER = 'the neighbour'\n",
    "scenarios/__init__.py": "OWNER = 'the neighbour'\n",
    "scenarios/conftest.py": (
        "import pytest\n\nimport harness\nimport scenarios\n\n\n"
        "@pytest.fixture\ndef owners():\n    return harness.OWNER, scenarios.OWNER\n"
    ),
    "scenarios/test_kills.py": (
        "def test_of_the_neighbour(owners):\n    assert owners == ('the neighbour', 'the neighbour')\n"
    ),
    "tests/__init__.py": "",
    "tests/test_kills.py": "import harness\n\n\ndef test_theirs():\n    assert harness.OWNER == 'the neighbour'\n",
}
OWN_TESTS = ["scenarios/test_kills.py::test_of_the_neighbour", "tests/test_kills.py::test_theirs"]


def settle(folder: Path) -> Path:
    """Write the project into this folder."""
    for name, text in _FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder
