"""What each job must come to, worked out here from its input alone: nothing of the server's code is used.

The one exception is training, whose weights are those of a life that nobody disturbed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

RECORDS = 120
Record = dict[str, Any]


def fill(data: Path) -> None:
    """The input of all jobs."""
    data.mkdir(parents=True)
    orders = [{"id": f"r{n}", "text": f"Größe {n} ﬁn", "n": n} for n in range(RECORDS)]
    lines = [json.dumps(order, ensure_ascii=False) + "\n" for order in orders]
    (data / "orders.jsonl").write_text("".join(lines), encoding="utf-8")
    with (data / "table.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([f"r{n}", f"one {n}\ntwo, {n}"] for n in range(RECORDS))])


def copied(data: Path, source: str) -> str:
    """A migration of a source to JSON lines."""
    if source.endswith(".jsonl"):
        return (data / source).read_text(encoding="utf-8")
    with (data / source).open(newline="", encoding="utf-8") as file:
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in csv.DictReader(file))


def processed(data: Path) -> list[Record]:
    """The records that processing the orders makes."""
    found = []
    for number, line in enumerate((data / "orders.jsonl").read_text(encoding="utf-8").splitlines()):
        order = json.loads(line)
        words = unicodedata.normalize("NFKC", " ".join(str(value) for value in order.values())).casefold().split()
        value = " ".join(words)
        categories = [unicodedata.category(character) for character in value]
        found.append(
            {
                "record_id": f"orders_{number:06d}",
                "processed_at": f"step_{number}",
                "value": value,
                "kinds": {name: categories.count(name) for name in sorted(set(categories))},
                "sha256": hashlib.sha256(_canonical(order).encode()).hexdigest(),
            }
        )
    return found


@cache
def _stretched(number: int) -> str:
    return hashlib.pbkdf2_hmac("sha256", str(number).encode(), b"mcp-crashtest", 2000).hex()


def stretched(count: int) -> list[Record]:
    """The items of a batch job."""
    return [{"item": f"item_{number:06d}", "key": _stretched(number)} for number in range(count)]


def digest(records: list[Record]) -> str:
    """The digest of all records: SHA-256 over the one before and the next record, again and again."""
    said = ""
    for record in records:
        said = hashlib.sha256(f"{said}\n{_canonical(record)}".encode()).hexdigest()
    return said


def _canonical(record: Record) -> str:
    return json.dumps(record, sort_keys=True, separators=(",", ":"))
