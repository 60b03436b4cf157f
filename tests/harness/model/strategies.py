"""Whatever a subject or a person at a keyboard may send us, and values made of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from mcp_crashtest.model.calls import Engine
from mcp_crashtest.model.columns import Table, referred
from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.coordinates import Batch, During, Moment, Phase, Since, Syscall, Window, WindowName
from mcp_crashtest.model.faults import KINDS, Fault
from mcp_crashtest.model.losses import POWER, Data, Disk, Loss, Names, Sabotage
from mcp_crashtest.model.operation import Header, History, Op, Operation, Type
from mcp_crashtest.model.plan import Absence, Plan, Size

_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_HOSTILE = ("\x00", "\ud800", "\udcff", "\x1b[2J", "\u2028", "\r\n", "\\", '"', "{port}", "</script>", "NaN")

# JSON knows no difference between a surrogate pair and the character that it means; Python's text does.
texts = st.one_of(
    st.text(max_size=12),
    st.lists(st.sampled_from(_HOSTILE), max_size=4).map("".join),
    st.text(alphabet=st.characters(categories=["Cs", "Cc", "Zl"]), max_size=6),
).filter(lambda text: not _PAIR.search(text))
integers = st.one_of(st.integers(), st.integers(-(10**400), 10**400))
scalars = st.one_of(st.none(), st.booleans(), integers, st.floats(allow_nan=False), texts)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
tables = st.dictionaries(texts, documents, max_size=3)

operations = st.builds(
    Operation,
    i=integers,
    t=st.floats(allow_nan=False),
    process=texts,
    type=st.sampled_from(Type),
    op=st.sampled_from(Op),
    task=st.none() | texts,
    life=integers,
    value=tables.filter(lambda value: not any(map(referred, value.values()))),
)
headers = st.builds(
    Header,
    seed=integers,
    scenario=texts,
    plan=tables,
    profile=texts,
    profile_digest=texts,
    contract=texts,
    blocking=st.booleans(),
    claims=tables,
    workload=tables,
    subject=tables,
)
histories = st.builds(History, headers, st.lists(operations, max_size=4).map(tuple))

_counts = st.integers(1, 10**30)
coordinates = st.one_of(
    st.builds(Batch, _counts, st.sampled_from(Phase), st.none(), st.integers(0)),
    st.builds(Batch, _counts, st.none(), st.integers(0, 1000), st.integers(0)),
    st.builds(Window, st.sampled_from(WindowName), _counts),
    st.builds(Moment, st.integers(0), st.sampled_from(Since)),
    st.builds(Syscall, texts, _counts, st.none() | texts),
)
_kinds_and_victims = st.sampled_from(
    [(kind.name, victim) for kind in KINDS.values() for victim in sorted(kind.victims)]
)
_numbers = st.integers(0, 10**9)
losses = st.builds(
    Loss,
    st.sampled_from(Disk),
    st.sampled_from(Data),
    _numbers,
    st.sampled_from(Names),
    _numbers,
    st.none() | st.sampled_from(Sabotage),
)
faults = st.builds(
    lambda who, at, until, settings, loss: Fault(
        who[0], who[1], at, until, loss.to_settings() if who[0] == POWER else settings
    ),
    _kinds_and_victims,
    coordinates,
    st.none() | coordinates,
    st.dictionaries(texts, st.floats(allow_nan=False), max_size=2),
    losses,
)


@st.composite
def _sequences(draw: st.DrawFn) -> tuple[Fault, ...]:
    """Faults, some of which land during earlier ones."""
    found: list[Fault] = []
    lasting: list[int] = []
    for number, fault in enumerate(draw(st.lists(faults, max_size=4)), start=1):
        within = draw(st.integers(0, len(lasting)))
        found.append(replace(fault, at=During(lasting[within - 1])) if within else fault)
        lasting = [*lasting[:within], number]
    return tuple(found)


_sizes = st.none() | st.builds(Size, _counts, _counts)
_company = st.just((None, None, None)) | st.tuples(st.sampled_from(Companion), _sizes, _sizes)


def _plan(beside: Any, engine: Engine, cut: Loss | None, *said: Any) -> Plan:
    """A power cut takes an engine that records."""
    powerless = cut is None and all(fault.kind != POWER for fault in said[2])
    return Plan(*said, *(*beside, engine if powerless else Engine.RECORD, cut))


plans = st.builds(
    _plan,
    _company,
    st.sampled_from(Engine),
    st.none() | losses,
    texts,
    texts,
    _sequences(),
    st.sampled_from(Absence),
    _sizes,
    st.booleans(),
    st.none() | st.integers(),
    st.booleans(),
)
columns = st.builds(
    lambda rows, width: Table.of([row[:width] for row in rows], width),
    st.lists(st.tuples(texts, scalars, texts), max_size=5),
    st.integers(1, 3),
)
