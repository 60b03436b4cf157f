"""Certificates to make reports from: sessions as they are summed up, with findings as trials give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_crashtest.model.baseline import Baseline, Expected
from mcp_crashtest.reporting.certificate import certificate
from mcp_crashtest.reporting.stars import Listed, Selection
from mcp_crashtest.reporting.weighing import weighed

CATALOGUE = (
    Listed("undisturbed", 1),
    Listed("killed", 2),
    Listed("killed-twice", 2),
    Listed("client-killed", 2, client=True),
)
TIMES = {"began": "2026-11-26T18:00:00+00:00", "ended": "2026-11-26T18:01:00+00:00"}
PLAN = {"format": 2, "scenario": "killed", "protocol": "2025-11-25", "faults": []}
HOSTILE = "</failure>\x1b[31m\x00\ud800 <script>alert(1)</script>\r\n::error::mine | `x` [a](b) @all %0A"


def finding(
    invariant: str, scenario: str = "killed", message: str = "record 7 is gone", **changes: Any
) -> dict[str, Any]:
    return {
        "invariant": invariant,
        "message": message,
        "operations": [1],
        "evidence": {},
        "scenario": scenario,
        "profile": "mine",
        "plan": PLAN,
        "plan_text": "kill server at batch 2",
        "replay": f"mcp-crashtest replay report/mine/{scenario}/0002",
        **changes,
    }


def scenario(name: str, level: int = 2, verdict: str = "PASS", **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "profile": "mine",
        "level": level,
        "story": "The server is killed.",
        "verdict": verdict,
        "reason": "",
        "plans": 4,
        "runs": 3,
        "faults_confirmed": 30,
        "faults_unconfirmed": 0,
        "kills_confirmed": 20,
        "recoveries_s": [0.1],
        "findings": [],
        "applies": True,
        "took_s": 1.5,
        **changes,
    }


UNDISTURBED, KILLED, TWICE = scenario("undisturbed", 1), scenario("killed"), scenario("killed-twice")
LOST = scenario("killed", verdict="FAIL", findings=[finding("records.lost")], broken=["records.lost"])
FOR_CLIENTS = scenario("client-killed", verdict="SKIP", reason="it is for clients", applies=False, runs=0)
FILES = {"profile": "conf/my profile.toml", "subject": "src/server.py"}


def session(
    *scenarios: Mapping[str, Any],
    expected: Sequence[Expected] | None = None,
    selection: Selection = Selection(None),  # noqa: B008
    finished: bool = True,
    budget: str = "core",
    files: Mapping[str, str] = FILES,
    catalogue: Sequence[Listed] = CATALOGUE,
) -> dict[str, Any]:
    """A certificate of one subject, ``mine``, held against a baseline where one is given."""
    subject = {"budget": budget, "files": dict(files), "digest": "0123456789abcdef"}
    made = certificate(scenarios, {"mine": subject}, selection, catalogue, seed=7, finished=finished, times=TIMES)
    return made if expected is None else weighed(made, Baseline("known.toml", tuple(expected)), catalogue)


def expecting(invariant: str, scenario: str = "killed", **changes: Any) -> Expected:
    said = {"profile": "mine", "scenario": scenario, "invariant": invariant, "reason": "issue 12", "date": "2026-11-01"}
    return Expected(**{**said, **changes})
