"""The state as values, and on disk: whole, locked, versioned, and never lost silently."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_client.errors import StateError, StateLocked, UsageError
from reference_client.state import ENDED, FORMAT, NEXT, Contract, Job, Newer, Phase, State, Unreadable, decode, encode
from reference_client.statefile import MOST_BYTES, StateFile, default_path, public_url

URL = "http://127.0.0.1:8001/mcp"
AT = "2026-01-02T03:04:05.678Z"
JOB = Job("j1", "tool", {"a": 1}, AT, repeatable=True)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
jobs = st.builds(
    Job,
    job_id=st.text(min_size=1),
    tool=st.text(min_size=1),
    arguments=st.dictionaries(st.text(), values, max_size=3),
    submitted_at=st.just(AT),
    repeatable=st.booleans(),
    idempotency_key=st.none() | st.text(min_size=1),
    phase=st.sampled_from(Phase),
    contract=st.none() | st.sampled_from(Contract),
    task_id=st.none() | st.text(min_size=1),
    progress=st.floats(0, 1e9),
    total=st.none() | st.floats(1, 1e9),
    result=values,
    delivered=st.booleans(),
)


@given(st.lists(jobs, max_size=5, unique_by=lambda job: job.job_id))
def test_what_is_written_is_what_is_read(held: list[Job]) -> None:
    state = State("client", URL, AT, jobs={job.job_id: job for job in held})
    again = decode(json.loads(json.dumps(encode(state, AT))))
    assert dict(again.jobs) == dict(state.jobs)
    assert again == state


@given(values)
def test_nonsense_is_unreadable_and_nothing_worse(nonsense: Any) -> None:
    with pytest.raises(Unreadable):
        decode(nonsense)


@given(st.data())
def test_a_damaged_document_is_unreadable_or_read(data: st.DataObject) -> None:
    document = encode(State("client", URL, AT, jobs={"j1": JOB}), AT)
    place: dict[str, Any] = data.draw(st.sampled_from([document, document["active"][0]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(values)
    with suppress(Unreadable, Newer):
        assert isinstance(decode(document), State)


def test_a_job_moves_only_as_the_table_says() -> None:
    for before in Phase:
        for after in Phase:
            state = State("client", URL, AT, jobs={"j1": replace(JOB, phase=before)})
            if after in NEXT[before]:
                assert state.with_job(replace(JOB, phase=after)).jobs["j1"].phase is after
            else:
                with pytest.raises(AssertionError, match="cannot go from"):
                    state.with_job(replace(JOB, phase=after))


def test_an_end_is_an_end() -> None:
    assert all(NEXT[phase] == {phase} for phase in ENDED)


def test_a_new_life_is_uncertain_of_what_it_may_not_repeat() -> None:
    state = State(
        "client", URL, AT, jobs={"a": replace(JOB, job_id="a"), "b": replace(JOB, job_id="b", repeatable=False)}
    )
    after = state.after_crash().jobs
    assert (after["a"].phase, after["b"].phase) == (Phase.SUBMITTING, Phase.UNCERTAIN)


def test_the_same_request_is_the_same_job_until_its_end_was_delivered() -> None:
    ended = replace(JOB, phase=Phase.COMPLETED)
    assert State("client", URL, AT, jobs={"j1": ended}).same_request("tool", {"a": 1}) == ended
    assert State("client", URL, AT, jobs={"j1": ended}).same_request("tool", {"a": 2}) is None
    assert State("client", URL, AT, jobs={"j1": replace(ended, delivered=True)}).same_request("tool", {"a": 1}) is None


# --- on disk


@contextmanager
def opened(path: Path, said: list[str] | None = None, server: str = URL, **options: Any) -> Iterator[StateFile]:
    file = StateFile(path, server, (said if said is not None else []).append, **options)
    try:
        yield file
    finally:
        file.close()


def test_a_change_is_on_disk_when_it_returns_and_the_client_stays_who_it_was(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.json"
    with opened(path) as file:
        file.change(lambda state: state.with_job(JOB))
        assert json.loads(path.read_text())["active"][0]["job_id"] == "j1"
        client_id = file.state.client_id
    with opened(path) as file:
        assert file.state.client_id == client_id
        assert file.state.jobs == {"j1": JOB}


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    with opened(tmp_path / "state.json"):
        assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b'{"kind": "another"}', b"\xff\xfe", b"[" * 100_000, b"null"])
def test_a_torn_or_foreign_file_is_set_aside_with_a_message(tmp_path: Path, content: bytes) -> None:
    path, said = tmp_path / "state.json", list[str]()
    path.write_bytes(content)
    with opened(path, said) as file:
        assert file.state.jobs == {}
    [aside] = tmp_path.glob("state.json.set-aside-*")
    assert aside.read_bytes() == content
    [message] = said
    assert str(aside) in message
    assert json.loads(path.read_text())["format"] == FORMAT


def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    document = encode(State("client", URL, AT), AT) | {"format": FORMAT + 1}
    path.write_text(json.dumps(document))
    with pytest.raises(StateError, match=f"format is {FORMAT + 1}, this client knows {FORMAT}"), opened(path):
        pass
    assert json.loads(path.read_text()) == document


def test_the_state_of_another_server_is_refused_unless_it_has_moved(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "state.json", "http://127.0.0.1:9/mcp"
    with opened(path) as file:
        client_id = file.state.client_id
    with pytest.raises(StateError, match="--server-moved"), opened(path, server=elsewhere):
        pass
    with opened(path, server=elsewhere, moved=True) as file:
        assert (file.state.client_id, file.state.server) == (client_id, elsewhere)


def test_a_second_client_is_locked_out_or_may_only_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with opened(path) as first:
        first.change(lambda state: state.with_job(JOB))
        with pytest.raises(StateLocked, match=f"process {os.getpid()}"), opened(path):
            pass
        before = path.read_bytes()
        with opened(path, exclusive=False) as second:
            assert second.state.jobs == {"j1": JOB}
            second.change(lambda state: state.without("j1"))
        assert path.read_bytes() == before
    with opened(path) as third:
        assert third.writable


def test_what_a_killed_write_has_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".state.json.abc.new").write_text("half")
    (tmp_path / "mine.new").write_text("mine")
    with opened(tmp_path / "state.json"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.new", "state.json", "state.json.lock"]


@pytest.mark.parametrize("suffix", ["", ".lock"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: os.mkfifo(path), "a FIFO"),
        (lambda path: path.mkdir(), "a folder"),
        (lambda path: path.symlink_to(os.devnull), "a device|a symbolic link"),
        (lambda path: os.mknod(path, stat.S_IFSOCK | 0o600), "a socket"),
    ],
)
def test_what_is_no_regular_file_is_refused_and_left_alone(
    tmp_path: Path, make: Callable[[Path], object], kind: str, suffix: str
) -> None:
    path = tmp_path / f"state.json{suffix}"
    make(path)
    before = path.lstat()
    with (
        pytest.raises(StateError, match=f"is ({kind}), where a regular file is expected"),
        opened(tmp_path / "state.json"),
    ):
        pass
    assert path.lstat().st_ino == before.st_ino
    assert [left.name for left in tmp_path.iterdir()] == [path.name], "nothing is left beside it"


def test_a_lock_that_is_a_link_does_not_reach_what_it_points_at(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "state.json.lock").symlink_to(precious)
    with pytest.raises(StateError, match="is a symbolic link"), opened(tmp_path / "state.json"):
        pass
    (tmp_path / "other.json.lock").symlink_to(tmp_path / "new")
    with pytest.raises(StateError, match="is a symbolic link"), opened(tmp_path / "other.json"):
        pass
    assert precious.read_text() == "mine"
    assert not (tmp_path / "new").exists()


def test_a_state_file_may_be_a_link_to_one(tmp_path: Path) -> None:
    with opened(tmp_path / "there.json") as file:
        client_id = file.state.client_id
    (tmp_path / "here.json").symlink_to(tmp_path / "there.json")
    with opened(tmp_path / "here.json") as file:
        assert file.state.client_id == client_id


def test_a_state_file_that_is_larger_than_any_of_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.touch()
    os.truncate(path, MOST_BYTES + 1)
    with pytest.raises(StateError, match="larger than 64 MiB"), opened(path):
        pass
    assert path.stat().st_size == MOST_BYTES + 1
    assert not list(tmp_path.glob("*set-aside*"))


def test_no_state_is_written_that_would_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with opened(path) as file:
        file.change(lambda state: state.with_job(JOB))
        before = path.read_bytes()
        with pytest.raises(StateError, match="'forget --ended' makes room"):
            file.change(lambda state: state.with_job(replace(JOB, result="x" * MOST_BYTES)))
        assert file.state.jobs == {"j1": JOB}
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="Give another --state"), opened(tmp_path / "file" / "state.json"):
        pass


def test_a_write_is_flushed_before_it_replaces_and_the_move_is_flushed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from the system calls: write, fsync, rename, fsync of the folder."""
    calls: list[str] = []
    fsync, move = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        calls.append("flush folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "flush file")
        fsync(descriptor)

    def watched_move(path: Path, target: Path) -> Path:
        calls.append("move")
        return move(path, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_move)
    with opened(tmp_path / "state.json"):
        assert calls == ["flush file", "move", "flush folder"]


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("http://h:1/mcp?key=secret", "http://h:1/mcp"),
        ("https://h/mcp", "https://h/mcp"),
        ("http://[::1]:1/mcp", "http://[::1]:1/mcp"),
    ],
)
def test_a_url_is_kept_without_what_may_be_secret(given_url: str, kept: str) -> None:
    assert public_url(given_url) == kept
    assert "secret" not in str(default_path(given_url))


@pytest.mark.parametrize("url", ["ftp://h/", "h:80", "http://", "http://u:p@h/mcp", "http://h:x/"])
def test_what_is_no_url_or_holds_a_password_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        public_url(url)


def test_each_server_has_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MCP_CRASHTEST_CLIENT_STATE", str(tmp_path))
    one, two = default_path("http://h:1/mcp"), default_path("http://h:2/mcp")
    assert one != two
    assert one.parent == two.parent == tmp_path
