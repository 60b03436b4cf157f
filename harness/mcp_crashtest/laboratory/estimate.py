"""How long a session will take, said beforehand: its scenarios are rehearsed, and their plans counted and weighed.

A rehearsal plays nothing. What a plan takes follows from the golden run: the job, a restart for each fault that ends
the server, and the time for which somebody is away.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from mcp_crashtest.files.bundle import GOLDEN, Bundle
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory, Numbered
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.trial import Trial
from mcp_crashtest.model.coordinates import Moment
from mcp_crashtest.model.errors import NotApplicable
from mcp_crashtest.model.operation import Op
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.shard import WHOLE, Shard
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.subjects.fork_servers import warm_program
from mcp_crashtest.wire.messages import SUPPORTED

_WARM_START_S = 0.15
_COUNTED_BATCHES = 2  # in which a server's messages are counted, and the one comes that is meant
_SERVICE_S = 0.5  # until a service is ready again
_ROUND_S = 0.25  # what each run takes beside: folders, the client's start, the judgement
_FAULT_S = 0.1
_LONGEST_OUTAGE_S = 3.0


@dataclass(slots=True)
class _Rehearsal:
    """Stands in the laboratory's place, and keeps the plans that it is given."""

    seed: int
    cut_short: bool = False
    plans: list[Plan] = field(default_factory=list)

    def known(self, bench: Bench) -> Bench:
        """Nothing is learned."""
        return bench

    def play(
        self, _bench: Bench, _scenario: str, plans: Sequence[Numbered], _seen: Callable[[int, Outcome], None]
    ) -> list[Outcome]:
        """Play nothing."""
        self.plans += [plan for _, plan in plans]
        return []


def rehearsed(
    scenario: Callable[[Trial], object], bench: Bench, name: str, seed: int, budget: Budget, shard: Shard = WHOLE
) -> list[Plan]:
    """The plans that a scenario is going to play; none where it cannot say so without playing."""
    rehearsal = _Rehearsal(seed)
    trial = Trial(cast(Laboratory, rehearsal), bench, name, 0, "", lambda _: None, budget, shard=shard)
    with suppress(Exception):  # it says so itself when it is played
        scenario(trial)
    return rehearsal.plans


def why_senseless(scenario: Callable[[Trial], object], profile: Profile, name: str) -> str | None:
    """Why a scenario makes no sense for a subject, as far as its profile says so; None where it makes sense."""
    protocols = profile.subject.protocols or SUPPORTED[:2]
    bench = Bench(profile, protocols=protocols)
    trial = Trial(cast(Laboratory, _Rehearsal(0)), bench, name, 0, "", lambda _: None, Budget.QUICK)
    try:
        scenario(trial)
    except NotApplicable as error:
        return str(error)
    except Exception:  # it says so itself when it is played
        return None
    return None


def seconds(plans: Sequence[Plan], bench: Bench, bundle: Bundle, jobs: int) -> float:
    """About how long these plans take, so many at a time; where the lab may not start the server, one at a time."""
    cold_s = _cold_start_s(bundle, bench)
    cold = bench.cold or not _starts_warm(bench.profile.subject.command)
    start_s = cold_s if cold else min(cold_s, _WARM_START_S)
    total = sum(_one(plan, bench, cold_s if plan.cold else start_s) for plan in plans)
    lanes = min(jobs, os.cpu_count() or 1) if cold and cold_s > _WARM_START_S else jobs  # a start has a processor to do
    return total / (1 if bench.alone else lanes)


def _starts_warm(command: str | None) -> bool:
    """Whether a command is one that a fork server can become."""
    with suppress(ValueError):  # a quotation that does not end
        words = shlex.split((command or "").replace("{python}", shlex.quote(sys.executable)))
        return warm_program(words) is not None
    return False


def _one(plan: Plan, bench: Bench, start_s: float) -> float:
    job_s = _job_s(bench)
    share = bench.workload(plan).records / bench.profile.workload.records
    pace = bench.pace(Plan(plan.scenario, plan.protocol, ()))
    away = sum(_fault_s(plan, number, start_s, pace.batch_s, job_s) for number in range(len(plan.faults)))
    return _ROUND_S + start_s + job_s * share + away


def _fault_s(plan: Plan, number: int, start_s: float, batch_s: float, job_s: float) -> float:
    fault = plan.faults[number]
    taken = _FAULT_S + (start_s + batch_s / 2 if fault.victim.hits_server else 0.0)
    if fault.victim.hits_client:
        taken += plan.absence.batches * batch_s
    if fault.victim.hits_service:
        taken += _SERVICE_S
    if fault.message:
        taken += _COUNTED_BATCHES * batch_s
    if isinstance(fault.until, Moment):
        taken += min(fault.until.thousandths / 1000 * job_s, _LONGEST_OUTAGE_S)
    return taken


def _job_s(bench: Bench) -> float:
    """The undisturbed job; of a server without the start of the golden run's client, which was a cold one."""
    golden = bench.golden
    if golden is None:
        return 0.0
    return golden.rhythm.job_s if golden.rhythm else golden.elapsed_s


def _cold_start_s(bundle: Bundle, bench: Bench) -> float:
    """What it took in the golden run, whose life is a cold one, until the server answered."""
    history = bundle.setting_up(bench.profile, GOLDEN).history()
    return next((event.t for event in history.of(Op.READY, Op.CONNECT)), _WARM_START_S)
