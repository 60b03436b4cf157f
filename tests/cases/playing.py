"""Playing one plan on a case, as a scenario would."""

from __future__ import annotations

from pathlib import Path

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.verdict import Judgement


def killed(profile: Path, folder: Path) -> Judgement:
    """The server is killed once its client has seen the first batch done."""
    return _played("kill", profile, folder)


def restarted(profile: Path, folder: Path) -> Judgement:
    """The server is stopped once its client has seen the first batch done, and started again."""
    return _played("terminate", profile, folder)


def _played(kind: str, profile: Path, folder: Path) -> Judgement:
    fault = Fault(kind, Victim.SERVER, Batch(1, Phase.OBSERVED))
    with Laboratory(Bundle(folder), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(read_profile(profile))
        [outcome] = laboratory.play(bench, kind, [(1, Plan(kind, bench.protocols[0], (fault,)))], lambda *_: None)
    return outcome.judgement
