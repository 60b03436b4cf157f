"""Other signals, sent to real servers: one that ends is started again, one that goes on works, in one life."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.proof import GOES_ON
from mcp_crashtest.model.verdict import Verdict
from tests.lab import certify, named
from tests.mutants.mutant import SIGNALLED
from tests.test_every_call import played
from tests.test_two_servers import variant

SAID = {"sighup": GOES_ON, "sigsegv": "SIGSEGV was sent, and it ended with SIGSEGV", "sigint": "exit code 0"}


def plan(kind: str) -> Plan:
    return Plan(SIGNALLED, "2026-07-28", (Fault(kind, Victim.SERVER, Batch(3, thousandths=500)),))


def test_whoever_goes_on_upon_a_signal_works_and_whoever_ends_is_started_again(tmp_path: Path) -> None:
    kinds = list(SAID)
    outcomes = played(tmp_path / "report", variant(tmp_path, "reloads"), *map(plan, kinds))
    for kind, outcome in zip(kinds, outcomes, strict=True):
        assert outcome.verdict is Verdict.PASS, outcome.judgement
        history = outcome.folder.history()
        [fault] = history.of(Op.FAULT, types=[Type.OK])
        assert SAID[kind] in fault.value["reason"]
        assert len(list(history.of(Op.BOOT))) == (1 if kind == "sighup" else 2)
        assert outcome.judgement.confirmed == 1
        assert not list((outcome.folder.path / "state").glob("core*"))


@pytest.mark.soak
@pytest.mark.parametrize("name", ["server", "reloads"])
def test_a_server_that_ends_and_one_that_goes_on_pass(tmp_path: Path, name: str) -> None:
    done = certify(tmp_path / "report", "--profile", variant(tmp_path, name), "--scenario", SIGNALLED)
    assert done.code == 0, done.err
    scenario = named(done, SIGNALLED, name)
    assert (scenario["verdict"], scenario["faults_confirmed"]) == ("PASS", 12)
