"""Playing one plan on a bench: a site, a stage, the conductor, and the judgement, which is made once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.files.storage import room_for
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.conductor import conduct
from mcp_crashtest.laboratory.typed import counted, typed
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.coordinates import Batch
from mcp_crashtest.model.operation import Header, History
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.proof import NOTHING_MET, NOTHING_RESTARTED, RUN_OVER
from mcp_crashtest.model.verdict import Judgement, Verdict
from mcp_crashtest.stage.lab_client import LabClient
from mcp_crashtest.stage.stage import Stage
from mcp_crashtest.stage.tested_client import TestedClient
from mcp_crashtest.subjects.client import ClientSubject
from mcp_crashtest.subjects.hooked import Hooks
from mcp_crashtest.subjects.services import Services
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.subject import Subject
from mcp_crashtest.subjects.syscalls.engines import counting
from mcp_crashtest.subjects.turns import turn

_FEW = 3
_ENDING = ("stop_command", "kill_command", "alive_command")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A plan that was played, what it came to, and where its evidence lies."""

    plan: Plan
    judgement: Judgement
    folder: RunFolder

    @property
    def verdict(self) -> Verdict:
        """The judgement's verdict."""
        return self.judgement.verdict

    @property
    def drained(self) -> bool:
        """Whether nothing was shown because the server did all of its job before it stopped, which is no fault."""
        nothing = (NOTHING_RESTARTED, NOTHING_MET)
        said = self.judgement.unproven
        return self.verdict is Verdict.INVALID and any(what in one for what in nothing for one in said)

    @property
    def refuted(self) -> bool:
        """Whether nothing was shown because its owner's command ended nobody, or did not do what it is for."""
        said = self.judgement.unproven
        return self.verdict is Verdict.INVALID and any(name in one for name in _ENDING for one in said)


def show_nothing(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes that show nothing. A server that may do its job before it stops must have been restarted once."""
    shown = any(outcome.verdict is Verdict.PASS for outcome in outcomes)
    late = behind_the_end(outcomes, len(outcomes)) if shown else []
    return [o for o in outcomes if o.verdict is Verdict.INVALID and not (shown and o.drained) and o not in late]


def behind_the_end(outcomes: Sequence[Outcome], planned: int) -> list[Outcome]:
    """Those that were over as soon as the last batch had begun, however often it was tried: it takes no time.

    The last batch of a job of the usual size is the latest at which any of them aims, that of another size is counted.
    Of so many planned a third may be such, or none is.
    """
    usual = max((at.number for o in outcomes if o.plan.workload is None for at in _places(o)), default=0)
    late = [
        o
        for o in outcomes
        if o.judgement.unproven
        and all(RUN_OVER in said for said in o.judgement.unproven)
        and [at.number for at in _places(o)] == [o.plan.workload.batches if o.plan.workload else usual]
    ]
    return late if len(late) * _FEW <= planned else []


def _places(outcome: Outcome) -> list[Batch]:
    return [fault.at for fault in outcome.plan.faults if isinstance(fault.at, Batch)]


def drained_beside_others(outcomes: Sequence[Outcome]) -> int:
    """How many runs were drained where others were not: with another plan they may show something."""
    drained = sum(outcome.drained for outcome in outcomes)
    return drained if drained < len(outcomes) else 0


async def play(bench: Bench, plan: Plan, folder: RunFolder, spawner: Spawner, seed: int) -> tuple[Outcome, History]:
    """Play a plan to its end and judge it. Raises UsageError, SubjectError and HarnessError."""
    bench.refuse_misplaced(plan)
    async with turn(bench.shared):
        with room_for(folder.path.parent):
            return await _play(bench, plan, folder, spawner, seed)


async def _play(bench: Bench, plan: Plan, folder: RunFolder, spawner: Spawner, seed: int) -> tuple[Outcome, History]:
    folder.make_way()
    folder.save_plan(plan)
    subject = site(bench, folder, spawner, plan)
    client: ClientSubject | None = None
    if plan.engine:
        subject.counting = await counting(plan.engine, spawner)
    subject.open()
    try:
        if bench.profile.client:
            client = ClientSubject(bench.profile.client, subject)
            client.open()
        stage = _stage(bench, plan, subject, client, seed)
        history = await conduct(stage)
    finally:
        gone = await subject.end()
        folder.forget_notes()
        folder.bound_logs()
        folder.scrub()
    judgement = judge(history)
    folder.save_judgement(judgement.to_json())
    if stage.stray or not gone:
        await spawner.sweep([*subject.started, *(client.started if client else ()), *_of_services(subject)])
        folder.scrub()
    elif judgement.verdict is Verdict.PASS:
        folder.forget_state()
        if plan.faults or plan.afterlife:  # what was recorded of an undisturbed run others are planned from
            folder.forget_writes()
    return Outcome(plan, judgement, folder), history


def site(bench: Bench, folder: RunFolder, spawner: Spawner, plan: Plan) -> Subject:
    """A subject's site for one plan."""
    run_id = f"{folder.name}-{secrets.token_hex(4)}"
    wanted = bench.profile.services
    warm_lives = 0 if bench.cold else int(bool(plan.faults)) if plan.cold else None
    workload = bench.workload(plan)
    if bench.profile.observe.ledger:
        folder = replace(folder, names=bench.profile.observe.ledger)
    subject = Subject(
        counted(typed(bench.profile, bench.tools), workload),
        spawner,
        folder,
        run_id,
        workload,
        warm_lives,
        plan.hash_seed,
        starts_again=bench.restarts or bool(plan.needs),
        patient=bench.patient,
        beside=Services.of(wanted, spawner, folder, bench.profile.folder) if wanted else None,
    )
    if bench.profile.subject.hooked:
        told = (bench.profile.subject, folder, bench.profile.folder)
        subject.hooks = Hooks(*told, subject.values, subject.url)
    return subject


def _of_services(subject: Subject) -> list[str]:
    return [boot for service in subject.services for boot in service.started]


def _stage(bench: Bench, plan: Plan, subject: Subject, tested: ClientSubject | None, seed: int) -> Stage:
    golden = bench.golden_of(plan)
    expected = golden.expected if golden else None
    header, limits, pace = _header(bench, plan, seed), bench.limits(plan), bench.pace(plan)
    if tested is None:
        others = [other.server if other else None for other in bench.golden_of_others(plan)]
        client = LabClient(subject, golden.server if golden else None, *others)
        return Stage(plan, subject, client, header, limits, pace)
    on_trial = TestedClient(tested, None if isinstance(expected, Table) else expected)
    return Stage(plan, subject, on_trial, header, limits, pace, door=on_trial.relay)


def _header(bench: Bench, plan: Plan, seed: int) -> Header:
    profile = bench.profile
    return Header(
        seed=seed,
        scenario=plan.scenario,
        plan=plan.to_json(),
        profile=profile.name,
        profile_digest=profile.digest,
        contract=profile.contract.kind,
        blocking=profile.contract.kind.blocking,
        claims=asdict(profile.claims),
        workload=asdict(bench.workload(plan)),
        subject={
            "command": profile.subject.command,
            "url": profile.subject.url,
            "server": dict(bench.server),
            "protocol": plan.protocol,
            **({"client": {"command": profile.client.command}} if profile.client else {}),
        },
    )
