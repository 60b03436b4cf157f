"""Texts that would like to steer the terminal of whoever reads them, or to forge a line of a log."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from reference_client.answers import Snapshot
from reference_client.display import Lines, say
from reference_client.events import Notice
from reference_client.questions import Row
from reference_client.text import printed
from reference_client.words import status_lines, table
from reference_server import logs
from reference_server.errors import Refusal, StartError
from tests.reference_server.conftest import Server
from tests.reference_server.tables import made

Recorded = Callable[[str, object], None]
EVIL = "\x1b[2J\r\x9b\u202eCRITICAL forged: all is lost\x07"
FORGED = f"bad\n{EVIL}"


def steers(text: str) -> bool:
    return any(not character.isprintable() for line in text.split("\n") for character in line)


def logged(formatter: logging.Formatter, message: str) -> str:
    try:
        raise ValueError(FORGED)
    except ValueError as error:
        trouble = (type(error), error, error.__traceback__)
        return formatter.format(logging.LogRecord("a", logging.ERROR, "p", 1, "said %s", (message,), trouble))


def test_no_line_of_the_log_is_what_a_client_wanted_it_to_be(record_property: Recorded) -> None:
    lines = [logged(formatter, FORGED) for formatter in (logs.Lines(), logs.JsonLines())]
    assert not any(map(steers, lines))
    assert not any(line.startswith(("CRITICAL", "\\x1b")) for text in lines for line in text.splitlines())
    assert lines[0].splitlines()[0].startswith("ERROR a: said bad\\n\\x1b[2J")
    assert len(lines[1].splitlines()) == 1
    record_property("tries", len(lines))
    record_property("held", len(lines))


def test_a_place_in_a_program_says_so_much_a_minute() -> None:
    measured = logs.Measured()
    records = [logging.LogRecord("a", logging.WARNING, "p", 1, "said %s", (n,), None) for n in range(1000)]
    kept = [record.getMessage() for record in records if measured.filter(record)]
    assert 0 < len(kept) < 50
    assert "no more of these" in kept[-1]
    assert measured.filter(logging.LogRecord("a", logging.WARNING, "p", 2, "another", (), None))


@pytest.mark.parametrize("error", [Refusal(FORGED), StartError(FORGED)])
def test_an_error_is_text_and_nothing_more(error: Exception) -> None:
    assert not steers(str(error))
    assert "\n" not in str(error)


@pytest.mark.asyncio
async def test_a_table_with_such_a_name_is_named_and_steers_nothing(fresh: Server) -> None:
    name = EVIL.replace("\x9b", "")
    made(fresh.data / "t.db", f'CREATE TABLE "{name}" (a) ', f'CREATE TABLE "{name}2" (a)')
    fresh.start()
    reply = await fresh.call("start_data_migration", source_path="t.db", destination_path="x.jsonl")
    assert reply.is_error
    assert "several tables" in reply.text
    assert not steers(reply.text)


def test_nothing_that_a_server_says_reaches_the_clients_terminal_as_it_is(
    capsys: pytest.CaptureFixture[str], record_property: Recorded
) -> None:
    seen = Snapshot(FORGED, FORGED, 1.0, 2.0, FORGED, {FORGED: FORGED}, FORGED)
    lines = [*status_lines(seen, None, FORGED), *table([Row(FORGED, FORGED, seen)])]
    say(FORGED)
    Lines().event(Notice(FORGED))
    said = capsys.readouterr()
    assert not steers(said.out + said.err)
    assert not any(steers(line) or "\n" in line for line in lines)
    assert printed("one\ntwo") == "one\ntwo"
    record_property("tries", len(lines) + 2)
    record_property("held", len(lines) + 2)
