"""Several subjects in one file, and profiles in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.files.profile_files import of_project, only, read_profile, read_profiles
from mcp_crashtest.model.errors import UsageError
from tests.lab import lab

ONE = '[subject]\nurl = "http://a/mcp"\n[contract]\nkind = "resumable-tool"\ntool = "work"\n'
TWO = """
[contract]
kind = "resumable-tool"
tool = "work"
[workload]
records = 20
batch = 5
[subjects.a.subject]
url = "http://a/mcp"
[subjects.b.subject]
url = "http://b/mcp"
[subjects.b.workload]
records = 30
"""


def within(text: str) -> str:
    """The same below [tool.crashtest]."""
    return text.replace("\n[", "\n[tool.crashtest.") if text.startswith("\n") else within(f"\n{text}")


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("name", ["mine.toml", "pyproject.toml"])
def test_several_subjects_share_what_stands_at_the_top(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, within(TWO) if name == "pyproject.toml" else TWO, name)
    a, b = read_profiles(path)
    assert [(p.name, p.subject.url, p.workload.records, p.workload.batch) for p in (a, b)] == [
        ("a", "http://a/mcp", 20, 5),
        ("b", "http://b/mcp", 30, 5),
    ]
    assert read_profile(Path(f"{path}#b")) == b
    assert only([a, b], ["b"]) == [b]
    assert only([a, b], []) == [a, b]


def test_a_project_has_one_that_is_called_as_its_folder(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    path = written(tmp_path / "shop", '[project]\nname = "x"\n' + within(ONE), "pyproject.toml")
    assert read_profile(path).name == "shop"
    assert read_profile(path).folder == str(tmp_path / "shop")
    assert of_project(tmp_path / "shop") == path


@pytest.mark.parametrize("text", [None, "[project]\n", "[tool.ruff]\n", "not TOML", "tool = 1"])
def test_a_project_that_says_nothing_to_us_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        written(tmp_path, text, "pyproject.toml")
    assert of_project(tmp_path) is None


def test_a_file_with_a_hash_in_its_name_is_that_file(tmp_path: Path) -> None:
    assert read_profile(written(tmp_path, f'name = "ab"\n{ONE}', "a#b.toml")).subject.url == "http://a/mcp"


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (TWO, "mine.toml", "has several subjects: name one, as in "),
        (TWO, "mine.toml#c", "has no subject 'c'; it has a, b"),
        (ONE, "mine.toml#c", "it holds one profile"),
        ("subjects = 1\n" + ONE, "mine.toml", "has a table for each subject"),
        ("[subjects]\na = 1\n", "mine.toml", "has a table for each subject"),
        (TWO.replace("url", "ulr"), "mine.toml#a", "mine.toml#a: [subject] has no key 'ulr'"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, name: str, said: str) -> None:
    written(tmp_path, text)
    with pytest.raises(UsageError) as error:
        read_profile(tmp_path / name)
    assert said in str(error.value)


def test_a_project_without_our_table_is_told_of_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no \[tool.crashtest\]"):
        read_profile(written(tmp_path, "[project]\n", "pyproject.toml"))


def test_the_command_takes_the_project_in_which_it_is_given(tmp_path: Path) -> None:
    written(tmp_path, within(TWO), "pyproject.toml")
    done = lab("certify", "--subject", "c", cwd=tmp_path)
    assert done.code == 2, done.out + done.err
    assert "there is no subject 'c'; there are a, b" in done.err
