"""Records that lie on the disk are found where they are the job's own, and are its output."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.model.stored import Stored, StoredFile, StoredTable
from mcp_crashtest.proposing.stored import Kept, grown, kept

DB = "{state_dir}/jobs.db"
JOB = "3f2c9a51d8e04b17"
NAMES = {"{task_id}": JOB, "{client_id}": "client-77aa01"}


def table(name: str, rows: list[dict[str, Any]], counter: str | None = None) -> StoredTable:
    return StoredTable(DB, name, rows, counter)


def best(*stores: Stored, size: int = 3) -> Kept | None:
    return next(iter(kept(stores, NAMES, size, "{state_dir}/in.jsonl")), None)


def query(*stores: Stored, size: int = 3) -> str | None:
    found = best(*stores, size=size)
    return found.source.query if found else None


def rows(**more: Any) -> list[dict[str, Any]]:
    return [{"job_id": JOB, "n": n, **more} for n in range(3)]


def test_the_rows_of_this_job_are_those_that_name_it() -> None:
    others = [{"job_id": "another", "n": n, "value": 8} for n in range(5)]
    found = best(table("done_items", [*others, *rows(value=7)]))
    assert found is not None
    assert found.source.query == "SELECT n, value FROM done_items WHERE job_id = '{task_id}' ORDER BY n"
    assert (found.records.key, found.records.sure) == ("$.n", True)


def test_lines_that_tell_of_work_are_no_records_however_many_there_are() -> None:
    lines = [{"task": JOB, "record": n} for n in range(3)]
    assert best(StoredFile("{state_dir}/told.jsonl", lines)) is None
    assert best(StoredFile("{state_dir}/told.jsonl", [{**line, "square": 4} for line in lines])) is not None


def test_a_database_that_has_its_name_from_the_job_is_the_jobs_own() -> None:
    found = best(StoredTable(f"{{state_dir}}/{JOB}.db", "filled", [{"jar": n} for n in range(3)], None))
    assert found is not None
    assert found.source.sqlite == "{state_dir}/{task_id}.db"


def test_a_short_name_is_one_where_the_column_says_so() -> None:
    numbered = [{"job_id": job, "n": n, "tries": 1} for job in (1, 2) for n in range(3)]
    found = next(iter(kept([table("items", numbered)], {"{task_id}": "1"}, 3)))
    assert found.source.query == "SELECT n, tries FROM items WHERE job_id = '{task_id}' ORDER BY n"


def test_a_name_that_is_part_of_another_is_looked_for_in_it() -> None:
    others = [{"owner": "client-000000/3", "n": n} for n in range(2)]
    keyed = [{"owner": "client-77aa01/3", "n": n} for n in range(3)]
    assert query(table("crashtest", [*others, *keyed])) == (
        "SELECT n FROM crashtest WHERE instr(owner, '{client_id}') > 0 ORDER BY n"
    )


def test_what_the_table_counts_up_names_no_record() -> None:
    """A record that is written twice would have two such names, and nobody would see it."""
    counted = [{"id": n + 1, **row} for n, row in enumerate(rows())]
    assert query(table("items", counted, "id")) == "SELECT n FROM items WHERE job_id = '{task_id}' ORDER BY n"
    nothing_else = [{"id": n + 1, "job_id": JOB} for n in range(3)]
    found = best(table("items", nothing_else, "id"))
    assert found is not None
    assert (found.records.key, found.records.sure) == ("$.id", False)


def test_a_number_that_the_author_gives_himself_may_be_the_tables_key() -> None:
    assert query(table("rows_done", [{"n": n} for n in range(3)], "n")) == "SELECT n FROM rows_done ORDER BY n"


def test_rows_that_are_there_beforehand_are_records_once_they_say_so() -> None:
    assert query(table("queue", rows(state="done"))) == (
        "SELECT n FROM queue WHERE job_id = '{task_id}' AND state = 'done' ORDER BY n"
    )
    assert query(table("queue", rows(processed=1))) == (
        "SELECT n FROM queue WHERE job_id = '{task_id}' AND processed = 1 ORDER BY n"
    )


def test_times_and_names_of_a_run_are_no_part_of_a_record() -> None:
    passing = rows(created_at="x", token="a" * 40, when_=1764166800.25, stamp="2026-11-26T10:00:00", blob=b"1", ok="y")
    assert query(table("items", passing)) == "SELECT n, ok FROM items WHERE job_id = '{task_id}' ORDER BY n"


@pytest.mark.parametrize("name", ["digest", "sha256", "row_checksum", "md5"])
def test_a_sum_of_a_record_is_part_of_it_however_random_it_looks(name: str) -> None:
    assert query(table("items", rows(**{name: "0123456789abcdef" * 4}))) == (
        f"SELECT n, {name} FROM items WHERE job_id = '{{task_id}}' ORDER BY n"
    )


def test_names_that_mean_something_to_sql_are_quoted() -> None:
    odd = [{"job_id": JOB, "index": n} for n in range(3)]
    expected = 'SELECT "index" FROM "or""der" WHERE job_id = \'{task_id}\' ORDER BY "index"'
    assert query(table('or"der', odd)) == expected


@pytest.mark.parametrize(
    "store",
    [
        table("items", rows()[:2]),
        table("items", [{"job_id": JOB, "n": 1}] * 3),
        table("items", []),
        table("{items}", rows()),
        StoredFile("{state_dir}/in.jsonl", [{"n": n} for n in range(3)]),
        StoredFile("{state_dir}/out.jsonl", [{"n": n} for n in range(4)]),
        StoredFile("{state_dir}/state.json", {"done": 3}),
    ],
    ids=["too few", "nothing tells them apart", "empty", "no name", "the input", "too many", "no list"],
)
def test_what_is_not_the_jobs_output_is_left(store: Stored) -> None:
    assert best(store) is None


def test_a_file_that_is_called_as_the_job_is_has_its_name_in_the_profile() -> None:
    found = best(StoredFile(f"{{state_dir}}/out/{JOB}.json", {"rows": [{"id": n} for n in range(3)]}))
    assert found is not None
    assert found.source.file == "{state_dir}/out/{task_id}.json"
    assert (found.records.items, found.records.key) == ("$.rows", "$.id")


def test_a_table_of_outputs_comes_before_one_of_events() -> None:
    found = best(table("events", rows()), table("results", rows()), StoredFile("{state_dir}/a.csv", rows()))
    assert found is not None
    assert "FROM results" in str(found.source.query)


def test_what_was_whole_while_the_job_was_at_work_is_its_input() -> None:
    inputs, outputs = table("a_inputs", rows()), table("b_parts", rows())
    candidates = kept([inputs, outputs], NAMES, 3)
    assert "a_inputs" in str(candidates[0].source.query)
    at_work = [[inputs], [inputs, table("b_parts", rows()[:1])], [inputs, outputs]]
    chosen = grown(candidates, at_work)
    assert chosen is not None
    assert "b_parts" in str(chosen[0].source.query)
    assert chosen[1]
    assert grown(candidates[:1], at_work) is None


def test_a_job_that_nobody_saw_at_work_leaves_it_open() -> None:
    candidates = kept([table("items", rows())], NAMES, 3)
    chosen = grown(candidates, [])
    assert chosen is not None
    assert not chosen[1]


def test_rows_of_a_queue_are_counted_as_they_are_done() -> None:
    candidates = kept([table("queue", rows(state="done"))], NAMES, 3)
    at_work = [[table("queue", [*rows(state="done")[:1], *rows(state="waiting")[1:]])]]
    assert grown(candidates, at_work) is not None


def test_a_file_grows_too() -> None:
    whole = StoredFile("{state_dir}/out.jsonl", [{"n": n} for n in range(3)])
    candidates = kept([whole], NAMES, 3)
    assert grown(candidates, [[StoredFile("{state_dir}/out.jsonl", [{"n": 0}])]]) is not None
    assert grown(candidates, [[whole]]) is None
