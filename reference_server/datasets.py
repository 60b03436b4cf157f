"""Which source a client means: a dataset by its name, a file by its ending."""

from __future__ import annotations

from pathlib import Path

from reference_server.data_root import DataRoot
from reference_server.errors import Refusal
from reference_server.sources import Csv, JsonLines, Source, UnicodeCharacters, using
from reference_server.table_source import Table

BUILT_IN = "unicode"
DATABASES = (".db", ".sqlite")


def dataset(root: DataRoot, name: str) -> Source:
    """The source that a client means by a dataset's name; raises Refusal when there is none."""
    if not name or len(name) > 100 or "/" in name or "\\" in name or name.startswith("."):
        raise Refusal("dataset_name must be the name of a file in the data root without its ending, or 'unicode'")
    for suffix in (".jsonl", ".csv"):
        for path in root.candidates(f"{name}{suffix}", "dataset"):
            with using(path.name):
                if path.is_file():
                    return file_source(path)
    if name == BUILT_IN:
        return UnicodeCharacters()
    raise Refusal(
        f"there is no dataset {name!r}: put {name}.jsonl or {name}.csv into the data root, or use 'unicode', the "
        f"Unicode character database"
    )


def file_source(path: Path) -> Source:
    """A file's source, by its ending; raises Refusal."""
    match path.suffix:
        case ".jsonl":
            return JsonLines(path)
        case ".csv":
            return Csv(path)
        case ".db" | ".sqlite":
            return Table(path)
    raise Refusal(f"{path.name}: files end in .jsonl (JSON lines), .csv (with a header) or .db (SQLite)")
