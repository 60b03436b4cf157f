"""docs/zoo.md, made from the zoo: ``python -m tests.zoo_page`` writes it anew.

Mutants x invariants. That each mark is true is shown in test_zoo.py and test_client_zoo.py, by sessions that catch it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.verdict import DEFAULT_LEVEL
from mcp_crashtest.sessions.catalogue import standard
from tests.client_mutants import zoo as clients
from tests.mutants import zoo as servers

PAGE = Path(__file__).resolve().parents[1] / "docs" / "zoo.md"
MUST, MAY = "●", "○"
_FOLDERS = {"server": Path(servers.__file__).parent, "client": Path(clients.__file__).parent}
_HEAD = """# Who is caught by what

Servers and clients with one flaw each, and the invariants that catch them. This page is made from
`tests/mutants/zoo.py` and `tests/client_mutants/zoo.py`; `python -m tests.zoo_page` writes it anew. `make test` lets
sessions play each mutant's scenario, with the plans that users get: ● was found in every session; ○ stood beside it in
some, and nothing else did.

What stands behind ★★ is what a session for two stars comes to, with every scenario and every plan that these are owed:
FAIL where its scenario is one of them, or another one sees it now and then; PASS where that is played for more, and
then two stars were earned. The soak plays such a session for each of these.
"""


class Mutant(Protocol):
    """What both zoos say of a mutant."""

    @property
    def name(self) -> str: ...

    @property
    def invariant(self) -> str: ...

    @property
    def also(self) -> tuple[str, ...]: ...

    @property
    def scenario(self) -> str: ...

    @property
    def story(self) -> str: ...


def marks(mutant: Mutant) -> dict[str, str]:
    """The mark of each invariant that catches it."""
    return dict.fromkeys(mutant.also, MAY) | {mutant.invariant: MUST}


def passes_two_stars(mutant: Mutant) -> bool:
    """Whether nothing that is played for two stars sees it: what catches it is played for more."""
    level = next(listed.level for listed in standard() if listed.id == mutant.scenario)
    return level > DEFAULT_LEVEL and getattr(mutant, "sooner", None) is None


def text() -> str:
    """What is to stand in the file."""
    both: list[Mutant] = [*servers.MUTANTS.values(), *clients.CLIENT_MUTANTS.values()]
    nobody = [f"`{name}`" for name in INVARIANTS if not any(name in marks(mutant) for mutant in both)]
    lines = [_HEAD, "## Servers", "", *_table("server", list(servers.MUTANTS.values()))]
    lines += ["", "## Clients", "", *_table("client", list(clients.CLIENT_MUTANTS.values()))]
    if nobody:
        lines += ["", f"Judged too, and shown by literal histories alone: {', '.join(nobody)}."]
    return "\n".join(lines) + "\n"


def _table(kind: str, mutants: Sequence[Mutant]) -> Iterator[str]:
    """The flaws with their stories, then the marks."""
    yield f"| {kind} | what is wrong with it | when it shows | scenario | ★★ |"
    yield "|---|---|---|---|---|"
    for mutant in mutants:
        two_stars = "PASS" if passes_two_stars(mutant) else "FAIL"
        what = f"{_flaw(_FOLDERS[kind], mutant)} | {mutant.story} | {mutant.scenario}"
        yield f"| `{mutant.name}` | {what} | {two_stars} |"
    yield ""
    named = [name for name in INVARIANTS if any(name in marks(mutant) for mutant in mutants)]
    yield f"| {kind} | " + " | ".join(f"`{name}`" for name in named) + " |"
    yield "|---|" + ":-:|" * len(named)
    for mutant in mutants:
        yield f"| `{mutant.name}` | " + " | ".join(marks(mutant).get(name, "") for name in named) + " |"


def _flaw(folder: Path, mutant: Mutant) -> str:
    """The first line of its documentation."""
    source = (folder / f"{mutant.name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def marks_on(page: str) -> Mapping[str, Mapping[str, str]]:
    """What stands in a page: each mutant's marks by invariant."""
    found: dict[str, Mapping[str, str]] = {}
    columns: list[str] = []
    for line in page.splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if cells[0] in _FOLDERS:
            columns = cells[1:]
        elif set(columns) & set(INVARIANTS) and len(cells) > 1 and not cells[0].startswith("-"):
            found[cells[0]] = {name: mark for name, mark in zip(columns, cells[1:], strict=True) if mark}
    return found


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
