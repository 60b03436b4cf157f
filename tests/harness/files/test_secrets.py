"""Where secrets come from, what is said where one is missing, and how files lose them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_crashtest.files.run_folder import LONGEST_LOG_BYTES, RunFolder
from mcp_crashtest.files.scrubbing import scrub
from mcp_crashtest.files.secrets import refuse_missing
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.offers import Principal
from mcp_crashtest.model.secrets import forget_secrets, keep_secret, kept
from mcp_crashtest.subjects.commands import environment_of
from tests.harness.files.texts import GOOD, Reader

SECRET = "gh0_abcdefghijklmnop"


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    forget_secrets()
    yield
    forget_secrets()


def saying(key: str) -> str:
    return GOOD.replace("[contract]", f"{key}\n[contract]", 1)


HEADERS = saying('headers = { Authorization = "Bearer ${LAB_TOKEN}" }')


def test_the_digest_knows_the_reference_and_not_the_secret(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", SECRET)
    one = read(HEADERS)
    refuse_missing(one)
    monkeypatch.setenv("LAB_TOKEN", "another one")
    assert read(HEADERS).digest == one.digest
    assert read(GOOD).digest != one.digest
    assert SECRET not in str(one.to_json())
    assert SECRET in kept()


def test_a_profile_without_headers_keeps_its_digest(read: Reader) -> None:
    assert read(GOOD).digest == read(saying("headers = {}")).digest


def test_a_file_beside_the_profile_says_it_too(read: Reader, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    refuse_missing(read(saying('environment = { KEY = "${file:token}" }')))
    found = environment_of({"KEY": "a ${file:token} {port}"}, {"here": str(tmp_path), "port": 7}, {})
    assert found["KEY"] == f"a {SECRET} 7"
    assert kept() == (SECRET,)


def test_braces_in_a_secret_are_no_placeholders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAB_TOKEN", "{port}{state_dir}${PATH}")
    values = {"here": str(tmp_path), "port": 7, "state_dir": "/s"}
    assert environment_of({"A": "${LAB_TOKEN}"}, values, {})["A"] == "{port}{state_dir}${PATH}"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ('headers = { A = "${LAB_NONE}" }', "headers.A: the environment has no variable LAB_NONE"),
        ('environment = { A = "${LAB_NONE}" }', "environment.A: the environment has no variable LAB_NONE"),
        ('headers = { A = "${LAB_EMPTY}" }', "headers.A: ${LAB_EMPTY} is empty"),
        ('headers = { A = "${LAB_SHORT}" }', "too short to be kept out of the evidence; 4 characters are the least"),
        ('headers = { A = "${LAB_BREAK}" }', "a line break, or a character that is not ASCII"),
        ('headers = { A = "${file:none}" }', "${file:none} cannot be read: No such file"),
        ('headers = { A = "${file:/dev/zero}" }', "${file:/dev/zero} is no file"),
        ('headers = { A = "${file:pipe}" }', "${file:pipe} is no file"),
        ('headers = { A = "${file:big}" }', "is no file, or has more than 65536 bytes"),
        ('headers = { A = "${file:bytes}" }', "it is not text"),
        ('headers = { A = "${config:env.A}" }', "is the lab's own spelling"),
        ('headers = { "A b" = "c" }', "that is no name of a header"),
        ('headers = { Content-Length = "1" }', "that header is the lab's own"),
        ("headers = { A = 1 }", "headers.A"),
        ('hidden = { A = "1" }', "no key 'hidden'"),
    ],
)
def test_what_is_missing_or_cannot_be_sent_is_said_and_no_value_is(
    read: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, said: str
) -> None:
    for name, value in (("LAB_EMPTY", ""), ("LAB_SHORT", "abc"), ("LAB_BREAK", f"{SECRET}\n")):
        monkeypatch.setenv(name, value)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "big").write_text("x" * 65537)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError) as error:
        refuse_missing(read(saying(key)))
    assert said in str(error.value)
    assert SECRET not in repr(error.value.args)


def test_a_principals_headers_come_on_top(read: Reader) -> None:
    both = saying('headers = { Authorization = "all", X-Both = "yes" }')
    both += '\n[[principals]]\nname = "a"\nheaders = { authorization = "one" }\n[[principals]]\nname = "b"\n'
    profile = read(both)
    assert dict(profile.headers) == {"X-Both": "yes", "authorization": "one"}
    assert dict(profile.headers_of(Principal("b"))) == {"Authorization": "all", "X-Both": "yes"}


# --- files that a subject has written


def test_a_secret_on_the_border_of_two_chunks_is_overwritten_and_nothing_else(tmp_path: Path) -> None:
    before = (1 << 20) - 7
    text = b"\0" * before + SECRET.encode() + b"\xff" * (1 << 20) + SECRET.encode()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "store.db").write_bytes(text)
    scrub(tmp_path, [SECRET])
    stars = b"*" * len(SECRET)
    assert (tmp_path / "deep" / "store.db").read_bytes() == text.replace(SECRET.encode(), stars)


def test_links_and_pipes_are_left_alone_and_so_is_what_is_ours(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(SECRET)
    run = tmp_path / "run"
    run.mkdir()
    (run / "link").symlink_to(outside)
    os.mkfifo(run / "pipe")
    (run / "ours").write_text(SECRET)
    scrub(run, [SECRET], ["ours"])
    assert (outside.read_text(), (run / "ours").read_text()) == (SECRET, SECRET)
    assert (run / "pipe").exists()


def test_a_file_that_is_too_large_to_be_looked_through_is_removed(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "small").write_text("harmless")
    scrub(tmp_path, [SECRET])
    assert not (tmp_path / "sparse").exists()


def test_without_a_secret_no_file_is_opened(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    scrub(tmp_path, [])
    assert (tmp_path / "sparse").exists()


def test_a_log_that_is_cut_does_not_begin_with_half_of_a_secret(tmp_path: Path) -> None:
    keep_secret(SECRET)
    folder = RunFolder(tmp_path)
    kept_bytes = 256 << 10
    tail = SECRET[5:].encode() + b"z" * (kept_bytes - len(SECRET) + 5)
    folder.server_log(1).write_bytes(b"y" * LONGEST_LOG_BYTES + SECRET[:5].encode() + tail)
    folder.bound_logs()
    assert SECRET[6:10].encode() not in folder.server_log(1).read_bytes()
