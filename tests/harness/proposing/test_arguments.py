"""What a call's arguments are taken for, by their names and types."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.proposing.arguments import arguments_for
from mcp_crashtest.proposing.offer import Tool


def tool(**properties: dict[str, Any]) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return Tool.listed({"name": "start", "inputSchema": schema})


NUMBER: dict[str, Any] = {"type": "integer"}


@pytest.mark.parametrize("name", ["audit_id", "jobId", "id", "year", "fiscal_year", "month", "version", "page", "seed"])
def test_a_number_of_this_name_says_nothing_of_the_size_of_a_job(name: str) -> None:
    found = arguments_for(tool(**{name: NUMBER}), {}, 103)
    assert found.parts == {}
    assert found.template[name] in (1, 2025)


@pytest.mark.parametrize("name", ["total", "count", "rows", "n", "pages", "stones", "how_many"])
def test_a_number_of_this_name_is_the_size(name: str) -> None:
    assert arguments_for(tool(**{name: NUMBER}), {}, 103).parts == {name: "total"}


def test_beside_the_number_of_a_year_the_size_is_found() -> None:
    found = arguments_for(tool(year=NUMBER, invoices=NUMBER, chunk=NUMBER), {}, 103)
    assert found.parts == {"invoices": "total", "chunk": "batch"}
    assert found.template["year"] == 2025


def test_a_number_that_begins_beyond_the_job_is_no_size_of_it() -> None:
    found = arguments_for(tool(since={"type": "integer", "minimum": 2015}, amount=NUMBER), {}, 103)
    assert (found.parts, found.template["since"]) == ({"amount": "total"}, 2015)


def test_the_only_word_that_a_call_asks_for_may_be_what_its_job_is_called_by() -> None:
    word: dict[str, Any] = {"type": "string"}
    found = arguments_for(tool(piano=word, keys=NUMBER), {}, 103)
    assert found.template == {"piano": "{client_id}", "keys": "{total_records}"}
    assert "any word" in found.guesses["piano"]
    assert arguments_for(tool(piano=word, keys=NUMBER), {"piano": "crashtest"}, 103).template["piano"] == "crashtest"
    for others in ({"tuner": word}, {"client_id": word}):  # several words, or one that has a name for it
        assert arguments_for(tool(piano=word, keys=NUMBER, **others), {}, 103).template["piano"] == "crashtest"


def test_of_two_numbers_of_which_no_name_says_anything_the_first_is_the_size_of_a_job_that_has_been_chosen() -> None:
    jam = tool(jars=NUMBER, tray=NUMBER)
    found = arguments_for(jam, {}, 103, chosen=True)
    assert (found.parts, sorted(found.guesses)) == ({"jars": "total", "tray": "batch"}, ["jars", "tray"])
    assert arguments_for(jam, {}, 103).parts == {}, "nobody has said yet that it starts a job"
    assert arguments_for(tool(jars=NUMBER, tray=NUMBER, lid=NUMBER), {}, 103, chosen=True).parts == {}
    assert arguments_for(tool(jars=NUMBER, seed=NUMBER), {}, 103, chosen=True).parts == {"jars": "total"}
