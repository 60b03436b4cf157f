"""The final output against the golden run's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.checkers import records
from mcp_crashtest.model import column
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.model.verdict import Verdict
from tests.harness.checkers.histories import (
    ALL,
    INVALID,
    PASS,
    Event,
    boot,
    end,
    fail,
    history,
    output,
    submit,
    verdict,
)

Rows = Sequence[tuple[str, str]]


def ended(shown: str | None, count: Any = None, **claims: Any) -> History:
    return history([boot(), submit(), output(shown, count), end()], **claims)


def test_an_output_that_equals_the_golden_runs_passes() -> None:
    assert verdict(ended("abcdef", 6)) == PASS


def test_an_empty_output_has_lost_everything() -> None:
    assert verdict(ended("", 0)) == fail("records.lost")


def test_each_violation_of_one_output_is_named_once() -> None:
    assert verdict(ended("aBbcdz")) == fail(
        "records.duplicated", "records.lost", "records.unexpected", "records.content"
    )


def test_a_job_that_repeats_records_and_counts_them_once_is_caught_by_the_repeats() -> None:
    assert verdict(ended("abbcdef", 6)) == fail("records.duplicated")


def test_a_surplus_that_the_golden_run_had_too_is_seen_by_the_workload() -> None:
    assert verdict(ended("abcdefg", golden="abcdefg")) == fail("records.count")


def test_a_loss_that_the_golden_run_had_too_is_seen_by_the_workload() -> None:
    assert verdict(ended("abcde", golden="abcde")) == fail("records.count", "task.false-success")


@pytest.mark.parametrize("count", [None, 6, 7])
def test_at_least_once_may_repeat_records_and_count_the_repeats_or_not(count: int | None) -> None:
    assert verdict(ended("abbcdef", count, semantics="at-least-once")) == PASS


@pytest.mark.parametrize("count", [5, 8, "7"])
def test_at_least_once_may_not_count_what_is_neither_workload_nor_output(count: Any) -> None:
    assert verdict(ended("abbcdef", count, semantics="at-least-once")) == fail("records.count")


def test_at_least_once_may_not_lose_a_record_behind_a_repeat() -> None:
    assert verdict(ended("abbcde", 6, semantics="at-least-once")) == fail("records.lost")


def test_at_least_once_may_still_not_reorder_first_appearances() -> None:
    assert verdict(ended("abacdef", semantics="at-least-once")) == PASS
    assert verdict(ended("acabdef", semantics="at-least-once")) == fail("records.reordered")


def test_order_is_free_where_none_is_claimed_and_everything_else_still_holds() -> None:
    assert verdict(ended("fedcba", 6, ordered=False)) == PASS
    assert verdict(ended("fedccba", 7, ordered=False)) == fail("records.duplicated")


UNHEARD = [Event("client-0", Type.INVOKE, Op.SUBMIT), Event("client-0", Type.INFO, Op.SUBMIT)]


def asked_twice(shown: str, **more: Any) -> History:
    return history([boot(), UNHEARD, boot(), submit(), output(shown, 6, **more), end()])


def test_two_submissions_of_which_one_was_not_heard_may_write_twice_to_the_same_place() -> None:
    assert verdict(asked_twice("abcdabcdefef", shared=True)) == PASS
    assert verdict(asked_twice("abcdabcdefef")) == fail("records.duplicated")


def test_what_is_there_more_often_than_it_was_asked_for_is_there_twice_all_the_same() -> None:
    assert verdict(asked_twice("aaabcdef", shared=True)) == fail("records.duplicated")


def test_a_submission_that_was_heard_is_the_only_one() -> None:
    assert verdict(ended("abbcdef", 6)) == fail("records.duplicated")
    assert verdict(history([boot(), submit(), output("abbcdef", 6, shared=True), end()])) == fail("records.duplicated")


def test_content_is_free_where_the_job_is_not_deterministic() -> None:
    assert verdict(ended("aBCdef", 6, deterministic=False)) == PASS


def test_a_repeat_with_other_content_shows_both() -> None:
    assert verdict(ended("abBcdef")) == fail("records.duplicated", "records.content")


@pytest.mark.parametrize("claims", [{}, {"semantics": "at-least-once"}])
def test_of_an_output_that_is_only_a_count_only_the_count_is_judged(claims: dict[str, Any]) -> None:
    assert verdict(ended(None, 6, golden=None, **claims)) == PASS
    assert verdict(ended(None, 5, golden=None, **claims)) == fail("records.count", "task.false-success")


def test_a_count_above_the_workload_is_lawful_only_at_least_once() -> None:
    assert verdict(ended(None, 7, golden=None)) == fail("records.count")
    assert verdict(ended(None, 7, golden=None, semantics="at-least-once")) == PASS


@pytest.mark.parametrize("count", ["6", [6], {}, float("nan"), 1e300, 6.5, "x" * 10_000])
def test_a_count_that_is_not_the_number_is_a_wrong_count_and_its_text_is_bounded(count: Any) -> None:
    judged = ended("abcdef", count)
    assert verdict(judged) == fail("records.count")
    assert verdict(History.from_lines(judged.to_lines())) == fail("records.count")


def test_an_output_that_shows_nothing_proves_nothing() -> None:
    assert verdict(ended(None, None, golden=None)) == INVALID


def test_an_output_without_the_records_that_the_golden_run_had_proves_nothing() -> None:
    assert verdict(ended(None, 6)) == INVALID


def test_an_output_that_is_not_completed_proves_nothing() -> None:
    assert verdict(history([boot(), submit(), output("abcdef", 6, status="cancelled"), end()])) == INVALID


def test_without_a_golden_run_the_output_is_judged_by_itself() -> None:
    assert verdict(ended("xyzuvw", 6, golden=None)) == PASS
    assert verdict(ended("xyzuvv", 6, golden=None)) == fail("records.duplicated", "task.false-success")


@given(st.text(alphabet="abcdefBEyz", max_size=12))
def test_the_checker_agrees_with_a_model_on_any_permutation_repeat_loss_and_change(shown: str) -> None:
    keys = shown.lower()
    first = "".join(dict.fromkeys(keys))
    lost, foreign = set(ALL) - set(keys), set(keys) - set(ALL)
    model = {
        "records.count": False,  # it follows from the others
        "records.duplicated": len(first) < len(keys),
        "records.lost": bool(lost),
        "records.unexpected": bool(foreign),
        "records.reordered": not lost and not foreign and first != ALL,
        "records.content": any(letter.isupper() for letter in shown),
        "task.false-success": False,
    }
    broken = [invariant for invariant, holds in model.items() if holds]
    assert verdict(ended(shown)) == (Verdict.FAIL if broken else Verdict.PASS, broken)


@given(st.permutations(ALL))
def test_any_order_passes_where_none_is_claimed_and_only_one_where_it_is(shown: list[str]) -> None:
    letters = "".join(shown)
    assert verdict(ended(letters, 6, ordered=False)) == PASS
    assert verdict(ended(letters, 6)) == (PASS if letters == ALL else fail("records.reordered"))


ROWS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xy")), max_size=9)


def shows(rows: Rows) -> Table:
    return Table.of(rows, 2)


def judged(expected: Rows, found: Rows) -> dict[str, Mapping[str, Any]]:
    golden = Event("lab", Type.OK, Op.EXPECT, {"records": shows(expected)})
    given = Event("client-0", Type.OK, Op.OUTPUT, {"status": "completed", "count": None, "records": shows(found)}, "t")
    events = [[golden], boot(), submit(), [given], end()]
    return {one.invariant: one.evidence for one in records.check(history(events, golden=None))}


@given(ROWS, ROWS)
def test_what_is_found_is_what_a_look_at_every_row_finds(expected: Rows, found: Rows) -> None:
    want, have = dict(expected), dict(found)
    lost, strange = [key for key in want if key not in have], [key for key in have if key not in want]
    changed = [key for key, digest in found if expected != found and key in want and want[key] != digest]
    keys = [key for key, _ in found]
    twice = [key for key in have if keys.count(key) > 1]
    oracle = {"lost": lost, "unexpected": strange, "content": changed, "duplicated": twice}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column, "_AT_A_TIME", 2)
        seen = judged(expected, found)
    seen.pop("records.count", None)
    place = seen.pop("records.reordered", {"position": None})["position"]
    assert {name: evidence["keys"] for name, evidence in seen.items()} == {
        f"records.{name}": keys for name, keys in oracle.items() if keys
    }
    moved = (n for n, (one, other) in enumerate(zip(have, want, strict=False)) if one != other)
    assert place == (None if lost or strange else next(moved, None))
