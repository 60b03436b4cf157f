"""Keys that stand in the wrong table of a profile, or are called otherwise: where they belong, to be pasted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from mcp_crashtest.model.contract_spec import ContractKind

_CALL = re.compile(r"(status|cancel|pause|resume|answer|list|stats|records)_(tool|uri|url|resource|arguments)")
_OF_RECORDS = "records"


def hint(table: str, key: str, value: Any, tables: Mapping[str, type[Any]]) -> str:
    """What to say about a key that this table does not have; empty where nobody knows."""
    if match := _CALL.fullmatch(key):
        name, what = match[1], "resource" if match[2] in ("uri", "url") else match[2]
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else '"..."'
        said = f"{what} = {shown}" if what != "arguments" else 'tool = "..."'
        if name == _OF_RECORDS:
            return f'; a tool that gives the records is named so: records = {{ {said}, key = "$.id" }}'
        more = ', arguments = { job_id = "{handle}" }' if what != "resource" else ""
        kind = f', with kind = "{ContractKind.TOOL_TASK}"' if name == "status" else ""
        return f"; a tool that is asked about a job is named in [contract]{kind}: {name} = {{ {said}{more} }}"
    belongs = [other for other, kind in tables.items() if other != table and key in {f.name for f in fields(kind)}]
    return f"; {key} belongs to [{belongs[0]}]" if belongs else ""
