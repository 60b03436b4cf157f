"""Final outputs that a command shows: lines of JSON, or a document, on its standard output; and a query of PostgreSQL.

A command is split into words before its placeholders are filled, and no shell sees it: an answer of the subject's is
never anything but a word. It ends within its time, or is ended; it belongs to the process group of whoever asks.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mcp_crashtest.files.outputs import record_in
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.text import excerpt

COMMAND_S = 20.0
_MOST_BYTES = 1 << 28
_CHUNK_BYTES = 1 << 16
_LAST_WORDS = 400


async def shown_by(words: Sequence[str], folder: str, said: bytes = b"", wait_s: float = COMMAND_S) -> bytes:
    """What a command writes to its standard output, given ``said``; raises SubjectError."""
    program = shutil.which(words[0]) or shutil.which(Path(folder) / words[0])
    if program is None:
        raise SubjectError(f"[observe] records: there is no program {words[0]!r}: is it installed, and on the PATH?")
    process = await asyncio.create_subprocess_exec(
        program, *words[1:], cwd=folder, limit=_CHUNK_BYTES, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(wait_s):
            out, err = await _spoken_with(process, said, words)
    except TimeoutError:
        raise SubjectError(f"the command {shlex.join(words)} has not ended after {wait_s:g} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()
    if process.returncode:
        words_of_it = err[-_LAST_WORDS:].decode(errors="replace").strip()
        raise SubjectError(f"the command {shlex.join(words)} ended with {process.returncode}: {words_of_it}")
    return out


async def _spoken_with(process: Process, said: bytes, words: Sequence[str]) -> tuple[bytes, bytes]:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdin.write(said)
    process.stdin.close()
    out, err = await asyncio.gather(_bounded(process.stdout, words), _bounded(process.stderr, words))
    await process.wait()
    return out, err


async def _bounded(stream: asyncio.StreamReader, words: Sequence[str]) -> bytes:
    parts, size = [], 0
    while part := await stream.read(_CHUNK_BYTES):
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise SubjectError(f"the command {shlex.join(words)} writes more than {_MOST_BYTES} bytes")
    return b"".join(parts)


def document_of(output: bytes) -> Any:
    """A JSON document, or the list of what stands in its lines; a line that is no JSON is a torn record."""
    text = output.decode(errors="surrogateescape")
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        return [found] if isinstance(found, Mapping) and "\n" not in text.strip() else found
    return [record_in(line) for line in text.splitlines() if line.strip()]


def query_script(query: str, names: Sequence[str]) -> str:
    """A query for psql, each row as a line of JSON; its placeholders are psql's variables, which quote themselves."""
    text = query.strip().rstrip(";")
    for number, name in enumerate(names):
        text = text.replace(f"'{{{name}}}'", f":'p{number}'").replace(f"{{{name}}}", f":'p{number}'")
    return f"SELECT row_to_json(crashtest_rows) FROM (\n{text}\n) AS crashtest_rows;\n"


async def rows_of(dsn: str, query: str, named: Mapping[str, Any], folder: str) -> list[Any]:
    """The rows that a query finds in PostgreSQL, asked by psql; raises SubjectError."""
    words = ["psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1"]
    for number, value in enumerate(named.values()):
        words += ["-v", f"p{number}={value}"]
    output = await shown_by([*words, "-f", "-", dsn], folder, query_script(query, list(named)).encode())
    rows = [record_in(line) for line in output.decode(errors="surrogateescape").splitlines() if line.strip()]
    if any(not isinstance(row, Mapping) or "torn" in row for row in rows[:1]):
        raise SubjectError(f"the query {query!r} gives no rows: {excerpt(rows[0])}")
    return rows
