"""docs/claims.md, made from the table of claims: ``python -m tests.claims_page`` writes it anew."""

from __future__ import annotations

from pathlib import Path

from mcp_crashtest.model.claims import page
from mcp_crashtest.model.standing import MEANINGS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "claims.md"
_HEAD = """# What each claim switches

A subject is tested for what it promises in `[claims]`, and for nothing else. This page is made from
`harness/mcp_crashtest/model/claims.py`, which the checkers ask; `python -m tests.claims_page` writes it anew.

`semantics` says how often a record may be in the output and how much work may be done again; `resumes`, whether a job
goes on after a restart. They are two promises: at-least-once allows work to be done again, but progress that was shown
stays, because it is `resumes` that promises this. Nothing at all may change a job that has ended.

"""


_NOT_TRIED = """
## What was not tried

Certificate, console, `list` and `explain` say why something was not tried in one of four words:

| word | meaning |
|---|---|
"""


def text() -> str:
    """What is to stand in the file."""
    standings = "".join(f"| {standing} | {meaning} |\n" for standing, meaning in MEANINGS.items())
    return _HEAD + "\n".join(page()) + "\n" + _NOT_TRIED + standings


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
