"""What is done to each record of a dataset: normalised, classified, hashed. Deterministic, and pure."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any

Record = dict[str, Any]


def process(dataset_name: str, position: int, record: Record) -> Record:
    """One processed record; ``position`` counts from 0."""
    text = " ".join(str(value) for value in record.values())
    normal = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return {
        "record_id": f"{dataset_name}_{position:06d}",
        "processed_at": f"step_{position}",
        "value": normal,
        "kinds": classify(normal),
        "sha256": hashlib.sha256(encode(record).encode("utf-8", errors="surrogatepass")).hexdigest(),
    }


def classify(text: str) -> dict[str, int]:
    """How many characters there are of each general category of Unicode."""
    kinds: dict[str, int] = {}
    for character in text:
        kind = unicodedata.category(character)
        kinds[kind] = kinds.get(kind, 0) + 1
    return dict(sorted(kinds.items()))


def encode(record: Record) -> str:
    """A record as canonical JSON: equal records have equal text."""
    return json.dumps(record, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def chain(digest: str, bodies: list[str]) -> str:
    """The digest of all records so far and these: SHA-256 over the one before and the next body, again and again."""
    for body in bodies:
        digest = hashlib.sha256(f"{digest}\n{body}".encode("utf-8", "surrogatepass")).hexdigest()
    return digest
