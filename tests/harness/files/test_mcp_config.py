"""Entries of MCP configurations: each host's spelling is understood, and what is hostile in them is data."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_crashtest.files.jsonc import read_jsonc
from mcp_crashtest.files.mcp_config import with_entry
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.profiles import Target, parse_profile
from mcp_crashtest.files.secrets import filled_header, filled_word, refuse_missing
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.secrets import forget_secrets, kept
from mcp_crashtest.model.subject_spec import SubjectSpec
from mcp_crashtest.subjects.commands import environment_of, words_of

CONTRACT = '[contract]\nkind = "resumable-tool"\ntool = "work"\n'


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    forget_secrets()
    yield
    forget_secrets()


def entry(folder: Path, document: Any, server: str | None = None, name: str = "mcp.json") -> SubjectSpec:
    """What the entry of a configuration with this document or text says."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return with_entry(SubjectSpec(mcp_config=str(path)), folder, server)


def one(**said: Any) -> dict[str, Any]:
    return {"mcpServers": {"it": said}}


def started(spec: SubjectSpec, folder: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """The words and the environment with which it would be started."""
    values = {"here": str(folder), "port": 7, "state_dir": "/s", "python": "/p"}
    assert spec.command
    found = environment_of(spec.environment, values, spec.hidden)
    return words_of(spec.command, values, spec.hidden), {k: found[k] for k in spec.environment}


# --- what it says


@pytest.mark.parametrize("key", ["mcpServers", "servers"])
def test_a_command_with_arguments_and_an_environment(tmp_path: Path, key: str) -> None:
    said = {"command": "npx", "args": ["-y", "a b", "{port}", "{{x}}"], "env": {"LEVEL": "debug", "N": 3, "NO": None}}
    spec = entry(tmp_path, {key: {"it": said}})
    assert started(spec, tmp_path) == (("npx", "-y", "a b", "{port}", "{{x}}"), {"LEVEL": "debug", "N": "3"})
    assert (spec.url, spec.cwd, spec.cold) == (None, str(tmp_path), True)
    assert kept() == ()


@pytest.mark.parametrize("kind", [{}, {"type": "http"}, {"type": "streamable-http"}, {"transport": "http"}])
def test_a_url_with_headers(tmp_path: Path, kind: dict[str, str]) -> None:
    token = "abcdefgh12345"
    spec = entry(tmp_path, one(url="http://x/mcp", headers={"Authorization": f"Bearer {token}"}, **kind))
    assert (spec.command, spec.url) == (None, "http://x/mcp")
    sent = filled_header(spec.headers["Authorization"], {"here": "."}, spec.hidden, "")
    assert sent == f"Bearer {token}"
    assert token in kept()
    assert token not in repr(spec)


def test_comments_and_commas_as_editors_write_them(tmp_path: Path) -> None:
    text = """\ufeff// the team's servers
    {"servers": { /* one, "two" */ "it": {"command": "a", // "args": ["x"],
        "args": ["http://not/a/comment", "/* nor this */", ",]",],
    }, }, }
    """
    assert started(entry(tmp_path, text), tmp_path)[0] == ("a", "http://not/a/comment", "/* nor this */", ",]")


def test_an_editors_settings_hold_them_too(tmp_path: Path) -> None:
    assert entry(tmp_path, {"mcp": {"servers": {"it": {"command": "a"}}}}).command == "a"


def test_the_folder_that_a_configuration_is_for(tmp_path: Path) -> None:
    spec = entry(tmp_path, one(command="a", args=["${workspaceFolder}/x"], cwd="sub"), name=".vscode/mcp.json")
    assert spec.cwd == str(tmp_path / "sub")
    assert started(spec, tmp_path)[0] == ("a", f"{tmp_path}/x")


def test_variables_and_inputs_come_from_the_environment_and_are_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_A", "from-env")
    monkeypatch.setenv("API_KEY", "from-input")
    args = ["--a=${env:LAB_A}", "${input:api-key}", "${LAB_NONE:-plain}", "${not a name}", "--token", "as-it-is"]
    document = {"inputs": [{"id": "api-key", "password": True}], **one(command="x", args=args)}
    spec = entry(tmp_path, document)
    assert started(spec, tmp_path)[0][1:] == (
        *("--a=from-env", "from-input", "plain", "${not a name}", "--token", "as-it-is"),
    )
    assert {"from-env", "from-input", "as-it-is"} <= set(kept())
    assert spec.command is not None
    assert "from-" not in spec.command
    assert "as-it-is" not in spec.command


@pytest.mark.parametrize(
    "url", ["http://x/mcp?api_key=abcdefgh&page=1", "http://x/mcp?page=1&token=abcdefgh", "http://me:abcdefgh@x/mcp"]
)
def test_a_secret_in_a_url_is_one(tmp_path: Path, url: str) -> None:
    spec = entry(tmp_path, one(url=url))
    assert spec.url is not None
    assert "abcdefgh" not in spec.url
    assert filled_word(spec.url, {"here": "."}, spec.hidden, "") == url
    assert any("abcdefgh" in secret for secret in kept())


@pytest.mark.parametrize(
    ("transport", "url", "words"),
    [
        (None, None, ()),
        ("http", "http://127.0.0.1:{port}/api", ("--transport", "http", "--host", "127.0.0.1", "--port", "7")),
    ],
)
def test_a_fastmcp_json_is_started_by_its_own_command(
    tmp_path: Path, transport: str | None, url: str | None, words: tuple[str, ...]
) -> None:
    deployment = {"transport": transport, "path": "/api"} if transport else {}
    spec = entry(tmp_path, {"source": {"path": "server.py"}, "deployment": deployment}, name="fastmcp.json")
    assert spec.url == url
    given = started(spec, tmp_path)[0]
    assert given[:4] == ("fastmcp", "run", str(tmp_path / "fastmcp.json"), "--no-banner")
    assert given[4 : 4 + len(words)] == words


# --- in a profile


def profile_of(folder: Path, document: Any, subject: str = "", **target: Any) -> Profile:
    (folder / "mcp.json").write_text(json.dumps(document))
    (folder / "mine.toml").write_text(f'[subject]\nmcp_config = "mcp.json"\n{subject}\n{CONTRACT}')
    return read_profile(folder / "mine.toml", Target(**target))


TWO = {"mcpServers": {"a": {"url": "http://a/mcp", "headers": {"X-Key": "sesame!"}}, "b": {"url": "http://b/mcp"}}}


def test_a_profile_names_it_and_replays_read_it_anew(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, TWO, 'server = "a"\nheaders = { X-More = "yes" }')
    saved = profile.to_json()
    assert saved["subject"].keys() & {"url", "command", "lent", "hidden"} == set()
    assert saved["subject"]["headers"] == {"X-More": "yes"}
    assert "sesame" not in json.dumps(saved)
    folder = Path(saved.pop("folder"))
    again = parse_profile(saved, name="mine", source="saved", folder=folder)
    assert again == profile
    assert again.subject.hidden == profile.subject.hidden
    refuse_missing(again)


def test_the_digest_does_not_know_the_secret_and_does_know_the_rest(tmp_path: Path) -> None:
    one_digest = profile_of(tmp_path, TWO, server="a").digest
    other = json.loads(json.dumps(TWO).replace("sesame!", "another"))
    assert profile_of(tmp_path, other, server="a").digest == one_digest
    moved = json.loads(json.dumps(TWO).replace("//a/", "//c/"))
    assert profile_of(tmp_path, moved, server="a").digest != one_digest
    (tmp_path / "elsewhere").mkdir()
    assert profile_of(tmp_path / "elsewhere", TWO, server="a").digest == one_digest


def test_the_command_line_names_it_over_a_profile_without_a_subject(tmp_path: Path) -> None:
    (tmp_path / "mcp.json").write_text(json.dumps(TWO))
    (tmp_path / "mine.toml").write_text(CONTRACT)
    target = Target(mcp_config=tmp_path / "mcp.json", server="b")
    assert read_profile(tmp_path / "mine.toml", target).subject.url == "http://b/mcp"


@pytest.mark.parametrize(
    ("server", "said"),
    [(None, "several servers; name one with --server (or [subject] server): 'a', 'b'"), ("c", "no server 'c'; it has")],
)
def test_of_several_one_must_be_named(tmp_path: Path, server: str | None, said: str) -> None:
    with pytest.raises(UsageError) as error:
        profile_of(tmp_path, TWO, server=server)
    assert said in str(error.value)


def test_a_server_without_a_configuration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(f'[subject]\nurl = "http://a/mcp"\n{CONTRACT}')
    with pytest.raises(UsageError, match="give --mcp-config"):
        read_profile(tmp_path / "mine.toml", Target(server="a"))


# --- what is wrong or hostile


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "is not JSON"),
        ("[1]", "no JSON object"),
        ("{}", 'neither under "mcpServers" nor under "servers"'),
        ('{"mcpServers": {}}', "it has no servers"),
        ('{"mcpServers": [1]}', "it has no servers"),
        ('{"mcpServers": {"it": 1}}', "the entry 'it' is no JSON object"),
        ('{"mcpServers": {"it": {"command": "a", "args": [NaN]}}}', "NaN is no number of JSON"),
        ('{"mcpServers": {"it": {"command": "a", "env": {"A": -Infinity}}}}', "-Infinity is no number"),
        ('{"a": ' * 200 + "1" + "}" * 200, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": "\ud800"}'.encode("utf-8", "surrogatepass").decode("latin-1"), "no servers"),
        (one(), "needs a command or a url"),
        (one(command="a", url="http://x"), "needs a command or a url, one of the two"),
        (one(command=["a"]), "command must be a text"),
        (one(command=" "), "command must be a text, and not be empty"),
        (one(command="a\0b"), "command must be a text"),
        (one(command="a", args="b"), "args must be a list of texts"),
        (one(command="a", args=[1]), "args must be a list of texts"),
        (one(command="a", args=["b\0"]), "args must be a list of texts"),
        (one(command="a", args=["b"] * 1001), "too many, or too long"),
        (one(command="a", args=["b" * 70_000]), "too many, or too long"),
        (one(command="a", env=["b"]), "env must be a table"),
        (one(command="a", env={"A": True}), "env.A must be a text"),
        (one(command="a", env={"A": {}}), "env.A must be a text"),
        (one(command="a", env={"A=B": "c"}), "a name that no variable can have"),
        (one(command="a", env={"A": "secret\0"}), "env.A holds a NUL"),
        (one(command="a", cwd=1), "cwd must be a text"),
        (one(command="a", type=1), "type must be a text"),
        (one(command="a", type="http"), "the type 'http' instead of stdio"),
        (one(command="a", envFile=".env"), "envFile, which is not read"),
        (one(command="a", args=["${input:key}"]), "nobody is asked here for the input 'key': set KEY"),
        (one(command="a", args=["${env:LAB_NONE}"]), "the environment has no variable LAB_NONE"),
        (one(command="a", args=["${command:x}"]), "known to its host alone"),
        (one(url=1), "url must begin with http"),
        (one(url="file:///etc/passwd"), "url must begin with http"),
        (one(url="http://x", headers={"A": 1}), "headers.A must be a text"),
        (one(url="http://x", headers=[]), "headers must be a table"),
        (one(url="http://x", type="sse"), "HTTP+SSE of 2024-11-05, which is not supported"),
        (one(url="http://x/sse"), "HTTP+SSE of 2024-11-05, which is not supported"),
        (one(url="http://x", type="ws"), "the type 'ws'; stdio and http are known"),
        ({"source": "a.py", "deployment": 1}, "deployment must be a table"),
        ({"source": "a.py", "deployment": {"transport": "sse"}}, "which is not supported: set transport to http"),
    ],
)
def test_whatever_is_wrong_is_a_usage_error_that_names_the_file(tmp_path: Path, document: Any, said: str) -> None:
    with pytest.raises(UsageError) as error:
        entry(tmp_path, document)
    assert said in str(error.value)
    assert "mcp.json" in str(error.value)
    assert "secret" not in str(error.value).replace("test_whatever", "")


def test_what_is_no_regular_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text(" " * ((1 << 20) + 1))
    for name, said in (("pipe", "regular file"), ("large", "more than"), ("none", "No such file"), (".", "regular")):
        with pytest.raises(UsageError, match=said):
            read_jsonc(tmp_path / name, "--mcp-config")
    with pytest.raises(UsageError, match="regular file"):
        read_jsonc(Path("/dev/zero"), "--mcp-config")


@pytest.mark.parametrize("text", ["/*" * 250_000, "," * 500_000, '"' * 500_000, ",/**/" * 100_000, ", \n" * 200_000])
def test_no_text_takes_long_to_be_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mcp.json").write_text(text)
    began = time.process_time()
    with pytest.raises(UsageError):
        read_jsonc(tmp_path / "mcp.json", "--mcp-config")
    assert time.process_time() - began < 3.0


WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS.filter(lambda word: "${" not in word), max_size=5), WORDS.filter(lambda word: "${" not in word))
def test_every_word_arrives_as_it_stands_there(words: list[str], value: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        spec = entry(Path(place), one(command="prog", args=words, env={"A": value}))
        assert started(spec, Path(place)) == (("prog", *words), {"A": value})


def test_metacharacters_are_characters(tmp_path: Path) -> None:
    args = ["; touch hacked", "$(touch hacked)", "`touch hacked`", "| sh", "'", '"', "\\", "{here}", "~", "*", "a\nb"]
    spec = entry(tmp_path, one(command="echo", args=args))
    assert started(spec, tmp_path)[0] == ("echo", *args)
    assert spec.command is not None
    assert len(shlex.split(spec.command)) == 12
