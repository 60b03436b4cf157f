"""One way to start and reach a server of which nothing is known yet: a profile's [subject], as it would be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcp_crashtest.files.profiles import parse_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.proposing.writing import Draft

ANY_SIZE = {"records": 103, "batch": 10}
_UNKNOWN = "-"
_FIRST_START_S = 60.0  # nobody knows yet how long it takes, on a machine that may have much else to do


@dataclass(slots=True)
class Reached:
    """A way to reach it: ``draft`` holds [subject]; ``bench`` is what the probe has found, where it answers."""

    draft: Draft
    folder: Path
    workload: Mapping[str, int]
    bench: Bench | None = None

    def profile(self) -> Profile:
        """A profile that is enough to start and reach it. Raises UsageError."""
        said = self.draft.data()
        data = {
            **said,
            "subject": {"ready_deadline_s": _FIRST_START_S, **said.get("subject", {})},
            "workload": self.workload,
            "contract": {"kind": str(ContractKind.RESUMABLE_TOOL), "tool": _UNKNOWN},
        }
        return parse_profile(data, name="init", source="mcp-crashtest init", folder=self.folder)
