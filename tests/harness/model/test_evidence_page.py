"""The page about evidence names every operation that a history may have, and no other."""

from __future__ import annotations

import re

from mcp_crashtest.model.operation import Op
from tests.lab import ROOT


def test_every_operation_stands_on_the_page() -> None:
    page = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", page.partition("| `op` |")[2], re.MULTILINE)
    assert sorted(op for row in rows for op in re.findall(r"`([a-z]+)`", row)) == sorted(Op)
