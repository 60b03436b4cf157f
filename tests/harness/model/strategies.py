"""Whatever a subject or a person at a keyboard may send us, and values made of it."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from mcp_crashtest.model.operation import Header, History, Op, Operation, Type
from mcp_crashtest.model.plan import Action, Coordinate, Fault, Phase, Plan, Victim

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
    boot=integers,
    value=tables,
)
headers = st.builds(
    Header,
    seed=integers,
    scenario=texts,
    plan=tables,
    profile=texts,
    profile_digest=texts,
    contract=texts,
    claims=tables,
    workload=tables,
    subject=tables,
)
histories = st.builds(History, headers, st.lists(operations, max_size=4).map(tuple))

coordinates = st.builds(Coordinate, integers, st.sampled_from(Phase), integers)
faults = st.builds(Fault, st.sampled_from(Action), st.sampled_from(Victim), coordinates)
plans = st.builds(Plan, texts, texts, st.lists(faults, max_size=4).map(tuple))
