"""Whatever of ours reads a stranger's bytes either reads them or refuses them as it says; nothing else comes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.hostile.doors import DOORS
from tests.hostile.fuzz import kept

SPLICES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"NaN", b"1e999", b"[" * 2000, b"\\ud800", b"\xff\xfe", b"\0", b"null", b"-1", b"9" * 400, b"{}"]),
)


@st.composite
def mangled(draw: st.DrawFn, examples: tuple[bytes, ...]) -> bytes:
    """Any bytes, or a right input with a few places replaced, cut out or doubled."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    given = draw(st.sampled_from(examples))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(given)))
        end = draw(st.integers(start, min(start + 40, len(given))))
        given = given[:start] + draw(SPLICES) + given[start if draw(st.booleans()) else end :]
    return given


@pytest.mark.parametrize("name", DOORS)
def test_a_door_lets_its_examples_through(name: str) -> None:
    for right in DOORS[name].examples:
        DOORS[name].enter(right)


@pytest.mark.parametrize("name", DOORS)
def test_a_door_bears_what_was_found_before(name: str) -> None:
    for case in sorted(kept(name).glob("*")):
        DOORS[name].holds(case.read_bytes())


FOR_HOURS = [pytest.mark.soak, pytest.mark.timeout(3600)]
DEPTHS = [20, pytest.param(500, marks=pytest.mark.soak), pytest.param(5000, marks=FOR_HOURS, id="hours")]


@pytest.mark.parametrize("examples", DEPTHS)
@pytest.mark.parametrize("name", DOORS)
def test_a_door_reads_or_refuses(name: str, examples: int, record_property: Callable[[str, object], None]) -> None:
    door = DOORS[name]
    tried = 0

    @settings(max_examples=examples, deadline=None, database=None)
    @given(mangled(door.examples))
    @example(b"")
    def reads_or_refuses(given: bytes) -> None:
        nonlocal tried
        tried += 1
        door.holds(given)

    reads_or_refuses()
    record_property("tries", tried)
    record_property("held", tried)
