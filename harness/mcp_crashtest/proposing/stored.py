"""Records that a job leaves on the disk: the rows of a SQLite table, or the lines of a file, that are its alone.

A row belongs to the job where a column says its name. What the table counts up by itself names no record: a record that
is written twice would have two such names. What was there complete while the job was still at work is its input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.contracts.words import COMPLETED, meaning
from mcp_crashtest.model.stored import Stored, StoredFile, StoredTable
from mcp_crashtest.proposing.offer import share, vocabulary, words
from mcp_crashtest.proposing.outputs import Records, Source, key_in, records_in

_OUTPUTS = vocabulary(
    "record records row rows item items result results output outputs done processed entries lines documents",
    "exported imported migrated completed ergebnis ergebnisse zeilen datensaetze",
)
_NO_OUTPUTS = vocabulary(
    "log logs event events audit history checkpoint checkpoints progress metric metrics migrations"
)
_TIMES = vocabulary(
    "at time timestamp ts ms seconds sec date created updated started finished elapsed duration when zeit worker pid",
    "host attempt attempts lease heartbeat version",
)
_SUMS = vocabulary("digest hash checksum sum md md5 sha sha1 sha256 sha512 crc crc32 fingerprint pruefsumme summe")
_FLAGS = vocabulary("done processed completed finished ok success migrated exported imported written handled erledigt")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = vocabulary(
    "add all alter and as asc between by case check collate column commit constraint create cross default delete desc",
    "distinct drop each else end escape except exists for foreign from full glob group having if in index inner insert",
    "intersect into is isnull join key left like limit match natural no not notnull null of offset on or order outer",
    "plan primary query references regexp reindex release rename replace right rollback row rows select set table temp",
    "then to transaction trigger union unique update using vacuum values view virtual when where with without",
)
_OWNERS = vocabulary("id uuid job task run export import migration operation key client handle auftrag")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|1[6-9]\d{8}(\.\d+)?$")
_RANDOM = re.compile(r"[0-9a-f-]{24,}", re.IGNORECASE)
_SHORTEST_NAME = 6
_LEDGER = frozenset({"task", "record"})
_LEDGER_TOO = _LEDGER | {"attempt", "ts"}


@dataclass(frozen=True, slots=True)
class Kept:
    """A place on the disk with as many records as the job has; ``number`` counts them in another look at the disk."""

    source: Source
    records: Records
    rating: int
    number: Callable[[Sequence[Stored]], int]


def kept(stores: Sequence[Stored], names: Mapping[str, str], size: int, input_file: str | None = None) -> list[Kept]:
    """Where all the records of a job of this size lie, the likeliest first.

    ``names`` are what the job is called, by the placeholder that stands for it in a profile.
    """
    found: list[Kept] = []
    for store in stores:
        if isinstance(store, StoredFile):
            found += [] if store.file == input_file or _is_ledger(store) else _in_file(store, names, size)
        else:
            found += _in_table(store, names, size)
    return sorted(found, key=lambda one: -one.rating)


def grown(candidates: Iterable[Kept], looks: Sequence[Sequence[Stored]]) -> tuple[Kept, bool] | None:
    """The first that was not whole in every look while the job was at work; whether any look has shown it."""
    for one in candidates:
        seen = [one.number(look) for look in looks]
        if not seen:
            return one, False
        if any(number < one.records.number for number in seen):
            return one, True
    return None


# --- tables


def _in_table(table: StoredTable, names: Mapping[str, str], size: int) -> list[Kept]:
    if not table.rows or "{" in table.name:
        return []
    columns = [name for name in table.rows[0] if "{" not in name]
    owner = _owner(table.rows, columns, names, size)
    own = [row for row in table.rows if owner is None or owner.has(row)]
    taken = owner.column if owner else None
    done = _done(own, [c for c in columns if c != taken])
    if len(own) != size:
        return []
    key, sure = _key(own, [c for c in columns if c not in (taken, done)], table.counter)
    if key is None:
        return []
    conditions = [] if owner is None else [owner.condition]
    conditions += [] if done is None else [f"{_quoted(done)} = {_literal(own[0][done])}"]
    query = _query(table.name, [key, *_steady(own, columns, {taken, done, key, table.counter})], key, conditions)
    rating = 4 * (owner is not None) + 2 * share(table.name, _OUTPUTS) - 4 * share(table.name, _NO_OUTPUTS) + sure
    wanted = None if done is None else own[0][done]

    def number(look: Sequence[Stored]) -> int:
        rows = [
            row
            for one in look
            if isinstance(one, StoredTable) and (one.file, one.name) == (table.file, table.name)
            for row in one.rows
        ]
        return sum((owner is None or owner.has(row)) and (done is None or row.get(done) == wanted) for row in rows)

    source = Source(sqlite=_named(table.file, names), query=query)
    return [Kept(source, Records("$", size, f"$.{key}", sure=sure and owner is not None), rating, number)]


@dataclass(frozen=True, slots=True)
class _Owner:
    """The column that says whose a row is; ``whole``: it holds the job's name alone, else with something around it."""

    column: str
    name: str
    placeholder: str
    whole: bool

    def has(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is the job's."""
        value = str(row.get(self.column))
        return value == self.name if self.whole else self.name in value

    @property
    def condition(self) -> str:
        """The same in SQL."""
        column = _quoted(self.column)
        return f"{column} = '{self.placeholder}'" if self.whole else f"instr({column}, '{self.placeholder}') > 0"


def _owner(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], names: Mapping[str, str], size: int
) -> _Owner | None:
    """What tells the job's rows from others; a short name may be anything, but in a column of names."""
    for whole in (True, False):
        for placeholder, name in names.items():
            for column in columns:
                told = len(name) >= _SHORTEST_NAME or (whole and share(column, _OWNERS))
                found = _Owner(column, name, placeholder, whole)
                if told and sum(map(found.has, rows)) == size:
                    return found
    return None


def _done(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str | None:
    """The column that says of every row that it is done: rows may be there before."""
    for column in columns:
        values = {row[column] for row in rows if not isinstance(row[column], bytes)}
        if len(values) != 1:
            continue
        value = next(iter(values))
        if isinstance(value, str) and meaning(value, {}) == COMPLETED:
            return column
        if value == 1 and _FLAGS.issuperset(words(column)[-1:]):
            return column
    return None


def _key(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], counter: str | None) -> tuple[str | None, bool]:
    """The column that names a record within the job; unsure where it is one that the table counts up by itself."""
    usable = [
        column
        for column in columns
        if _PLAIN.fullmatch(column) and not share(column, _TIMES) and all(_names(row[column]) for row in rows)
    ]
    counts = counter is not None and "id" in words(counter)
    path = key_in([{c: row[c] for c in usable if not (counts and c == counter)} for row in rows])
    if path is not None:
        return path.removeprefix("$."), True
    return (counter, False) if counter in usable else (None, False)


def _names(value: Any) -> bool:
    return isinstance(value, str | int) and not (isinstance(value, str) and _RANDOM.fullmatch(value))


def _steady(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], without: set[str | None]) -> list[str]:
    """The columns that can be expected to be the same in every run: no times, no names of a run's own.

    What is called a sum of the record is one, however much it looks like such a name.
    """
    return [
        column
        for column in columns
        if column not in without
        and _PLAIN.fullmatch(column)
        and not share(column, _TIMES)
        and not any(_passes(row[column], sums=share(column, _SUMS)) for row in rows)
    ]


def _passes(value: Any, *, sums: bool) -> bool:
    """Whether a value looks like a time or a name that is another one in each run."""
    if isinstance(value, bytes):
        return True
    return bool(_TIME.match(str(value)) or (isinstance(value, str) and not sums and _RANDOM.search(value)))


def _query(table: str, columns: Sequence[str], key: str, conditions: Sequence[str]) -> str:
    where = " AND ".join(conditions)
    selected = ", ".join(map(_quoted, columns))
    return f"SELECT {selected} FROM {_quoted(table)}{f' WHERE {where}' if where else ''} ORDER BY {_quoted(key)}"


def _quoted(name: str) -> str:
    plain = _PLAIN.fullmatch(name) and name.lower() not in _RESERVED
    return name if plain else '"{}"'.format(name.replace('"', '""'))


def _literal(value: Any) -> str:
    return str(int(value)) if isinstance(value, int) else "'{}'".format(str(value).replace("'", "''"))


# --- files


def _named(file: str, names: Mapping[str, str]) -> str:
    """A file's name with the placeholder for what the job is called, where that stands in it."""
    for placeholder, value in names.items():
        if len(value) >= _SHORTEST_NAME and value in file:
            return file.replace(value, placeholder)
    return file


def _is_ledger(stored: StoredFile) -> bool:
    """Whether it tells of work in the ledger's own words: what was done twice stands there twice, and is no record."""
    lines = stored.document if isinstance(stored.document, list) else []
    return bool(lines) and all(isinstance(line, Mapping) and _LEDGER <= set(line) <= _LEDGER_TOO for line in lines)


def _in_file(stored: StoredFile, names: Mapping[str, str], size: int) -> list[Kept]:
    found = records_in(stored.document, size)
    if found is None or found.number != size or found.next is not None:
        return []
    name = _named(stored.file, names)
    last = name.rpartition("/")[2]
    rating = 1 + 4 * (name != stored.file) + 2 * share(last, _OUTPUTS) - 4 * share(last, _NO_OUTPUTS)

    def number(look: Sequence[Stored]) -> int:
        held = next((one for one in look if isinstance(one, StoredFile) and one.file == stored.file), None)
        seen = records_in(held.document, None) if held is not None else None
        return seen.number if seen is not None else 0

    return [Kept(Source(file=name), found, rating, number)]
