"""A handle goes to a tool as the tool's schema wants it: many a job is called by a number.

Handles are text everywhere in the lab. Where an argument that is nothing but a handle is to be a number, its template
says so, and is filled with one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from mcp_crashtest.model.contract_spec import ContractSpec, StatusSpec, ToolSpec
from mcp_crashtest.model.observe_spec import RecordsSpec, of_size
from mcp_crashtest.model.offers import HANDLE_NUMBER, ListSpec, StatsSpec
from mcp_crashtest.model.profile import Profile, Workload

Tools = Mapping[str, Mapping[str, Any]]
_HANDLES = ("{handle}", "{task_id}", "{id}")
_NUMBERS = ("integer", "number")


def typed(profile: Profile, tools: Tools) -> Profile:
    """The profile whose calls pass handles as the tools' input schemas want them."""
    contract, records = profile.contract, profile.observe.records
    changed = {
        field.name: _typed(call, tools)
        for field in fields(ContractSpec)
        if isinstance(call := getattr(contract, field.name), ToolSpec | StatusSpec | ListSpec | StatsSpec)
    }
    observe = profile.observe if records is None else replace(profile.observe, records=_typed(records, tools))
    return replace(profile, contract=replace(contract, **changed), observe=observe)


def counted(profile: Profile, workload: Workload) -> Profile:
    """The profile whose progress in batches has a total: how many of them this job has, the last one in part."""
    if profile.observe.total is not None:
        return profile
    return replace(profile, observe=of_size(profile.observe, workload.records, workload.batch))


def _typed(call: Any, tools: Tools) -> Any:
    assert isinstance(call, ToolSpec | StatusSpec | ListSpec | StatsSpec | RecordsSpec)
    properties = tools.get(call.tool or "", {}).get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    wanted = {
        name: f"{{{HANDLE_NUMBER}}}" if template in _HANDLES and _is_number(known.get(name)) else template
        for name, template in call.arguments.items()
    }
    return replace(call, arguments=wanted)


def _is_number(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") in _NUMBERS
