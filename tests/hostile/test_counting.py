"""What is counted before a task begins: files of any size, of any owner, with anything in them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from reference_server import limits
from reference_server.counting import Counting
from reference_server.datasets import file_source
from reference_server.errors import Refusal
from tests.reference_server.conftest import Server, token_file
from tests.reference_server.test_principals import client

Recorded = Callable[[str, object], None]
LONGEST = 1 << 20
DEEP = "[" * 100_000 + "]" * 100_000
EMPTY = "\n" * 200_000
SOAK_BYTES, SOAK_ASKED = 270_000_000, 60

# What a file has, and what is said of it; None: it is copied.
ODD: dict[str, tuple[str, str | None]] = {
    "nan.jsonl": ('{"a": NaN}\n', "has NaN, and JSON has no such number"),
    "infinite.jsonl": ('{"a": [-Infinity]}\n', "has -Infinity, and JSON has no such number"),
    "large.jsonl": ('{"a": 1e999}\n', "has a number that is too large"),
    "digits.jsonl": ('{"a": 1' + "0" * 5000 + "}\n", "is not JSON"),
    "deep.jsonl": (f'{{"a": {DEEP}}}\n', "has more than 100 values within each other"),
    "deeper-than-we.jsonl": (f'{{"a": {"[" * 150 + "]" * 150}}}\n', "has more than 100 values within each other"),
    "half.jsonl": ('{"a": "\\ud800"}\n', "has half a surrogate pair"),
    "half-key.jsonl": ('{"\\uDC00": 1}\n', "has half a surrogate pair"),
    "long.jsonl": ('{"a": "' + "x" * LONGEST + '"}\n', "a line has more than 1048576 bytes"),
    "empty-lines.jsonl": (EMPTY + "1\n", "bytes of empty lines"),
    "whole-pair.jsonl": ('{"a": "\\ud83d\\ude00", "b": 1e308}\n', None),
    "wide.jsonl": ('{"a": ' + json.dumps([[]] * 200) + "}\n", None),
    "twice.csv": ("a,b,a\n1,2,3\n", "the header has the field 'a' twice"),
    "long-record.csv": ('a,b\n"' + "x\n" * LONGEST + '",2\n', "the record at byte 4 has more than 1048576 bytes"),
    "return.csv": ("a,b\n1\r2,3\n", "no CSV can be read before byte"),
    "empty-lines.csv": ("a\n" + EMPTY + "1\n", "bytes of empty lines"),
    "wide-field.csv": ("a,b\n" + "x" * 200_000 + ",2\n", None),
    "nul.csv": ("a,b\n1\0,2\n", None),
}


def refuse_constant(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.asyncio
async def test_no_file_is_an_internal_error_or_makes_json_that_is_none(
    fresh: Server, record_property: Recorded
) -> None:
    for name, (content, _) in ODD.items():
        (fresh.data / name).write_text(content, encoding="utf-8", newline="")
    fresh.start()
    wrong = {}
    for name, (_, refusal) in ODD.items():
        reply = await fresh.call("start_data_migration", source_path=name, destination_path=f"copies/{name}.jsonl")
        if refusal is not None:
            if not reply.is_error or refusal not in reply.text or name not in reply.text:
                wrong[name] = reply.text
            continue
        assert reply.structured, (name, reply.text)
        ended = await fresh.stopped(reply.structured["task_id"])
        if ended["status"] != "completed":
            wrong[name] = str(ended)
            continue
        for line in (fresh.data / "copies" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            json.loads(line, parse_constant=refuse_constant)
    record_property("tries", len(ODD))
    record_property("held", len(ODD) - len(wrong))
    assert wrong == {}


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_read_has_a_largest_size_and_the_next_goes_on_behind_it(tmp_path: Path, suffix: str) -> None:
    line = "x" * 100_000
    lines = [json.dumps(line) if suffix == "jsonl" else line] * 100
    path = tmp_path / f"large.{suffix}"
    path.write_text("\n".join(["value", *lines] if suffix == "csv" else lines))
    source, sizes, cursor = file_source(path), list[int](), 0
    while True:
        before = cursor
        records, cursor = source.read(cursor, 1000)
        if not records:
            break
        sizes.append(len(records))
        assert cursor - before <= limits.LARGEST_READ_BYTES + LONGEST
    assert sum(sizes) == 100
    assert len(sizes) == 3


def written(path: Path, records: int) -> Path:
    path.write_text("".join(f'{{"id": {n}}}\n' for n in range(records)))
    return path


@pytest.mark.asyncio
async def test_owners_are_counted_for_in_turns_and_one_who_asks_much_waits_for_themselves(
    tmp_path: Path, record_property: Recorded
) -> None:
    """When another's small file is counted, none of the many large ones is, though all of them came before."""
    large, small = (file_source(written(tmp_path / f"{n}.jsonl", n)) for n in (20_000, 1_000))
    counting = Counting()
    many = [asyncio.create_task(counting.count("ann", large, 30_000)) for _ in range(60)]
    await asyncio.sleep(0)
    assert (await counting.count("ben", small, 2_000))[0] == 1_000
    done = sum(one.done() for one in many)
    record_property("tries", len(many))
    record_property("held", len(many) - done)
    assert done == 0
    for one in many[1:]:
        one.cancel()
    assert (await many[0])[0] == 20_000
    await asyncio.wait(many)
    assert (await counting.count("ann", small, 2_000))[0] == 1_000
    counting.close()


@pytest.mark.asyncio
async def test_an_owner_has_so_many_requests_counted_at_a_time(tmp_path: Path) -> None:
    source = file_source(written(tmp_path / "some.jsonl", 1))
    counting = Counting()
    asked: list[Any] = [counting.count("ann", source, 10) for _ in range(limits.COUNTED_AT_ONCE + 3)]
    answers = await asyncio.gather(*asked, counting.count("ben", source, 10), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert len(refused) == 3
    assert "try again later" in str(refused[0])
    assert not isinstance(answers[-1], BaseException)
    counting.close()


def peak_bytes(server: Server) -> int:
    """The most memory that the server has had."""
    assert server.process
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


@pytest.mark.soak
@pytest.mark.asyncio
async def test_sixty_counts_of_a_huge_file_take_little_memory_and_leave_another_user_alone(
    fresh: Server, record_property: Recorded
) -> None:
    line = json.dumps({"a": [[]] * 20_000}) + "\n"
    with (fresh.data / "huge.jsonl").open("w") as file:
        file.writelines([line] * (SOAK_BYTES // len(line)))
    fresh.extra = ("--tokens", str(token_file(fresh.folder)))
    fresh.start()
    before = peak_bytes(fresh)
    asked = {"dataset_name": "huge", "total_records": 1_000_000}
    async with client(fresh, "ann") as ann, client(fresh, "ben") as ben:
        await ann.list_tools()
        many = [
            asyncio.create_task(ann.call_tool("resumable_data_processing", {**asked, "batch_size": 1 + n}))
            for n in range(SOAK_ASKED)
        ]
        await asyncio.sleep(0)
        own = {"dataset_name": "orders", "total_records": 10, "batch_size": 1}
        done = await ben.call_tool("resumable_data_processing", own)
        assert done.data["total_processed"] == 10
        counted = sum(one.done() for one in many)
        for one in many:
            one.cancel()
        await asyncio.wait(many)
    record_property("tries", SOAK_ASKED)
    record_property("held", SOAK_ASKED - counted)
    assert counted == 0
    assert peak_bytes(fresh) - before < SOAK_BYTES
