"""What a server writes is recorded word for word, from outside to be seen: it explains what lies there, or it is said.

Then the power fails: what lies there is what the records leave, and nothing else.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mcp_crashtest.model.calls import Call, Engine, Remark
from mcp_crashtest.model.losses import Data, Disk, Loss, Names, Sabotage
from mcp_crashtest.model.written import Event, Record, to_bytes
from mcp_crashtest.subjects.process import Launch, Site
from mcp_crashtest.subjects.syscalls import stores
from mcp_crashtest.subjects.syscalls.control import Control
from mcp_crashtest.subjects.syscalls.engines import counting
from mcp_crashtest.subjects.syscalls.stores import NotFollowed
from tests.harness.subjects.launching import DEADLINE_S, Launching

PROGRAMS = Path(__file__).parent / "programs"
ALL_KINDS = """
    import os, shutil, sys
    os.chdir(sys.argv[1])
    os.mkdir("folder")
    there = os.open(".", os.O_RDONLY)
    with open("old", "r+b", buffering=0) as old:
        old.seek(1)
        old.write(b"LD")
        os.pwrite(old.fileno(), b"!", 3)
        os.fsync(old.fileno())
    with open("folder/a", "wb", buffering=0) as a:
        a.write(b"x" * 700)
        os.writev(a.fileno(), [b"1", b"22", b"333"])
        os.pwritev(a.fileno(), [b"44", b"5"], 2)
        a.truncate(900)
        os.posix_fallocate(a.fileno(), 0, 1000)
    with open("folder/a", "ab", buffering=0) as a:
        a.write(b"end")
    os.fsync(there)
    os.rename("folder/a", "folder/b")
    os.link("folder/b", "c", src_dir_fd=there)
    os.rename("folder", "moved")
    shutil.copyfile("c", "d")
    os.truncate("d", 10)
    open("d", "w").close()
    os.open("e", os.O_WRONLY | os.O_CREAT | os.O_DSYNC)
    os.write(os.open("e", os.O_WRONLY | os.O_DSYNC), b"at once")
    os.mkdir("gone")
    os.rmdir("gone")
    os.unlink("c")
    if os.fork() == 0:
        open("by-a-child", "wb").write(b"mine")
        os._exit(0)
    os.wait()
    open(sys.argv[2], "ab").write(b"the ledger is nobody's store")
"""


async def recorded(launching: Launching, *argv: str) -> tuple[list[Record], Path, Control]:
    """What a program wrote, and where; ``old`` lay there before."""
    state = launching.folder / "state"
    state.mkdir()
    (state / "old").write_bytes(b"old")
    (state / "kept").mkdir()
    (state / "kept" / "link").symlink_to("/nowhere")
    ledger = launching.folder / "ledger"
    control = Control(launching.folder / "calls-1")
    control.make(state, ledger, None)
    engine = await counting(Engine.RECORD, launching.spawner)
    with launching.out.open("wb") as out, launching.err.open("wb") as err:
        words = tuple(word.replace("STATE", str(state)).replace("LEDGER", str(ledger)) for word in argv)
        launch = Launch(words, "/", dict(os.environ), out.fileno(), err.fileno(), site=Site(folder=str(state)))
        process = await launching.spawner.spawn(engine.around(launch, control))
    ended = await process.wait_exit(DEADLINE_S)
    assert ended.code == 0, launching.err.read_text()
    return stores.recorded(control.writes), state, control


@pytest.mark.asyncio
async def test_everything_that_is_written_is_recorded_and_a_cut_leaves_what_was_synced(launching: Launching) -> None:
    script = launching.script(ALL_KINDS)
    records, state, control = await recorded(launching, "/usr/bin/env", "python3", script, "STATE", "LEDGER")
    assert stores.differing(records, state) == []
    assert not any(b"ledger" in record.data for record in records)
    assert {record.event for record in records} == set(Event)
    numbers = [record.number for record in records if record.number]
    assert numbers == sorted(numbers)
    assert set(numbers) <= set(range(1, len(control.read().calls) + 1))

    (state / "old").chmod(0o640)
    said = stores.cut(control, state, Loss(Disk.STRICT))
    assert "nothing left that was not synced" in said
    assert (state / "old").read_bytes() == b"oLD!"
    assert (state / "old").stat().st_mode & 0o777 == 0o640
    assert (state / "kept" / "link").is_symlink()
    assert sorted(path.name for path in state.iterdir()) == ["folder", "kept", "old"], "its name was synced with '.'"
    assert list((state / "folder").iterdir()) == [], "what came into it was not"


@pytest.fixture
def buffered(tmp_path: Path) -> str:
    subprocess.run(["cc", "-o", tmp_path / "buffered", PROGRAMS / "buffered.c"], check=True)
    return str(tmp_path / "buffered")


@pytest.mark.asyncio
async def test_what_is_written_unseen_is_named_and_nothing_is_made_of_it(launching: Launching, buffered: str) -> None:
    records, state, control = await recorded(launching, buffered, "STATE")
    assert stores.differing(records, state) == ["log"]
    with pytest.raises(NotFollowed, match="what lies in log is not what was seen to be written"):
        stores.cut(control, state, Loss(sabotage=Sabotage.DROPPED_SYNC))
    assert (state / "log").read_text() == "12"
    control.writes.unlink()
    control.writes.symlink_to("/dev/zero")
    with pytest.raises(NotFollowed, match="nothing was recorded"):
        stores.cut(control, state, Loss())


@pytest.mark.soak
@pytest.mark.asyncio
async def test_more_than_there_is_room_for_is_not_recorded_and_that_is_remarked(launching: Launching) -> None:
    script = launching.script(
        """
        import sys
        with open(sys.argv[1] + "/much", "wb", buffering=0) as file:
            for _ in range(9):
                file.write(bytes(8 << 20))
        """
    )
    records, state, control = await recorded(launching, "/usr/bin/env", "python3", script, "STATE")
    assert Remark.OVERFLOWN & control.read().remarks
    assert control.writes.stat().st_size < 65 << 20
    assert stores.differing(records, state) == ["much"]


def test_a_file_that_a_cut_does_not_change_is_not_touched_and_one_that_it_does_stays_the_same_file(
    tmp_path: Path,
) -> None:
    state, writes = tmp_path / "state", tmp_path / "writes"
    state.mkdir()
    for name in ("input", "log"):
        (state / name).write_bytes(b"1")
        os.utime(state / name, ns=(5, 5))
    stores.begin(writes, state)
    before = {name: (state / name).stat() for name in ("input", "log")}
    with (state / "log").open("ab", buffering=0) as log:
        log.write(b"2")
    added = Record(Event.STORED, 1, before["log"].st_ino, 1, data=b"2")
    writes.write_bytes(writes.read_bytes() + to_bytes(added))
    after = (state / "log").stat()
    assert stores.cut(Control(tmp_path / "calls"), state, Loss()).endswith("changed: log")
    assert (state / "log").read_bytes() == b"1"
    assert (state / "input").stat() == before["input"]
    assert ((state / "log").stat().st_ino, (state / "log").stat().st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_what_was_under_way_when_it_died_may_have_happened_and_nothing_else(tmp_path: Path) -> None:
    state, writes = tmp_path / "state", tmp_path / "writes"
    state.mkdir()
    for name in ("jobs-4711.new", "log"):
        (state / name).write_bytes(b"1")
    stores.begin(writes, state)
    (state / "jobs-4711.new").unlink()
    records, unlink = stores.recorded(writes), Call("unlink", "jobs-*.new")
    assert stores.differing(records, state, [unlink]) == []
    assert stores.differing(records, state, [Call("unlink", "log")]) == ["jobs-4711.new"]
    assert stores.differing(records, state, [unlink, *[Call("write", "log")] * 16]) == ["jobs-4711.new"]
    assert stores.differing([*records, Record(Event.SYNCED, 1)], state, [unlink]) == ["jobs-4711.new"]


def test_nothing_is_lost_where_everything_was_to_stay(tmp_path: Path) -> None:
    (tmp_path / "state" / "deep").mkdir(parents=True)
    (tmp_path / "state" / "deep" / "file").write_bytes(b"1")
    (tmp_path / "state" / "jobs.db-shm").write_bytes(b"shared")
    stores.begin(tmp_path / "writes", tmp_path / "state")
    said = stores.cut(Control(tmp_path / "calls"), tmp_path / "state", Loss(data=Data.ALL, names=Names.ALL))
    assert said.endswith("changed: nothing")
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == [
        "state", "state/deep", "state/deep/file", "writes",
    ]  # fmt: skip
