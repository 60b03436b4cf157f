"""The laboratory: one spawner and one event loop for a whole session, and a bench for each subject.

A subject earns its bench by working once, undisturbed: the protocols that it speaks are found out, and the golden run
gives the output that every other run is compared with. On the bench plans are played, some at a time. This file
decides nothing about which plans, and says nothing to anybody.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mcp_crashtest.checkers.client import NOTHING
from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.client_runner import ClientRun, Pace
from mcp_crashtest.files import write_atomically, write_json
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.operation import Header, History, Op, Type
from mcp_crashtest.model.plan import Action, Phase, Plan
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.verdict import Judgement, Verdict
from mcp_crashtest.runner import Run
from mcp_crashtest.stage import Limits
from mcp_crashtest.subjects.client import ClientSubject
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.subject import Subject
from mcp_crashtest.wire.errors import DeadlineExceeded, Unreachable, WireError
from mcp_crashtest.wire.session import Session

PROTOCOLS = ("2026-07-28", "2025-11-25")
GOLDEN, PACE = "golden", "pace"
_GOLDEN_SILENCE_S = 60.0
_GOLDEN_TOTAL_S = 3600.0
_ATTEMPTS = 3
_PAUSE_S = 0.02
_PROBE_S = 10.0
_OUTAGE, _SHORTEST_OUTAGE_S, _LONGEST_OUTAGE_S = 0.3, 0.3, 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bench:
    """A subject that was seen to work. ``golden_s`` is how long its undisturbed job took, from a client's start."""

    profile: Profile
    protocols: tuple[str, ...]
    server: Mapping[str, Any]
    expected: list[list[str]] | None
    golden_s: float
    cold: bool = False

    @property
    def killable(self) -> bool:
        """Whether the lab may stop and start the subject."""
        return self.profile.subject.command is not None

    def hastened(self) -> Bench:
        """With a client under test, twice as fast a clock: its job was over before the moment of a fault had come.

        A machine that had more to do when the pace was measured is faster than was thought.
        """
        return replace(self, golden_s=self.golden_s / 2) if self.profile.client else self

    @property
    def pace(self) -> Pace:
        """The times of a run, where a client is under test."""
        outage_s = min(max(_OUTAGE * self.golden_s, _SHORTEST_OUTAGE_S), _LONGEST_OUTAGE_S)
        return Pace(self.golden_s, outage_s)

    def limits(self, plan: Plan) -> Limits:
        """What a run of this plan may take: the claimed recovery time, and the time the work itself needs."""
        silence_s = self.profile.claims.recovery_deadline_s + self.golden_s
        return Limits(silence_s, (len(plan.faults) + 2) * (silence_s + self.golden_s))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A plan that was played, what it came to, and where its evidence lies."""

    plan: Plan
    judgement: Judgement
    folder: Path

    @property
    def verdict(self) -> Verdict:
        """The judgement's verdict."""
        return self.judgement.verdict


class Laboratory:
    """Plays plans. Open it with ``with``; everything that it has started is dead when it is closed."""

    def __init__(self, report_dir: Path, seed: int, jobs: int = 2, worker: str = "") -> None:
        """``worker`` tells apart the laboratories that share a report directory."""
        self._suffix = f"-{worker}" if worker else ""
        self.report_dir = report_dir.resolve()
        self.seed = seed
        self.jobs = jobs
        self._runner = asyncio.Runner()
        self._spawner: Spawner | None = None
        self._benches: dict[str, Bench | SubjectError] = {}

    def __enter__(self) -> Laboratory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process that was started, then the event loop."""
        if self._spawner:
            spawner, self._spawner = self._spawner, None
            self._runner.run(spawner.close())
        self._runner.close()

    async def _spawning(self) -> Spawner:
        if self._spawner is None:
            self._spawner = await Spawner().__aenter__()
        return self._spawner

    def bench(self, profile: Profile) -> Bench:
        """The bench of this profile, set up at the first call; raises SubjectError, at every call, if that fails."""
        if profile.digest not in self._benches:
            try:
                self._benches[profile.digest] = self._runner.run(self._set_up(profile))
            except SubjectError as error:
                self._benches[profile.digest] = error
        bench = self._benches[profile.digest]
        if isinstance(bench, SubjectError):
            raise bench
        return bench

    def play(
        self, bench: Bench, scenario: str, plans: Iterable[tuple[int, Plan]], seen: Callable[[Outcome], None]
    ) -> list[Outcome]:
        """Play numbered plans, ``jobs`` at a time; no new one is begun once a run was not PASS.

        ``seen`` is told each outcome as it comes. Raises SubjectError and HarnessError.
        """
        return self._runner.run(self._play_all(bench, scenario, list(plans), seen))

    async def _play_all(
        self, bench: Bench, scenario: str, plans: list[tuple[int, Plan]], seen: Callable[[Outcome], None]
    ) -> list[Outcome]:
        await self._spawning()
        waiting = iter(plans)
        outcomes: list[Outcome] = []

        async def lane() -> None:
            for number, plan in waiting:
                outcome = await self._play_until_landed(bench, scenario, number, plan)
                outcomes.append(outcome)
                seen(outcome)
                if any(o.verdict is not Verdict.PASS for o in outcomes):
                    return

        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(self.jobs):
                    lanes.create_task(lane())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        return outcomes

    async def _play_until_landed(self, bench: Bench, scenario: str, number: int, plan: Plan) -> Outcome:
        """Play a plan; where the job was over before a fault could land, once more: that shows nothing yet."""
        folder = self.report_dir / "runs" / bench.profile.name / scenario / f"{number:04d}"
        outcome = await self._play(bench, plan, folder)
        for attempt in range(2, _ATTEMPTS + 1):
            if outcome.verdict is not Verdict.INVALID or outcome.judgement.refused:
                break
            bench = bench.hastened()
            outcome = await self._play(bench, plan, folder.with_name(f"{folder.name}-{attempt}"))
        return outcome

    async def _play(self, bench: Bench, plan: Plan, folder: Path) -> Outcome:
        history = await self._run(bench, plan, folder, bench.limits(plan), cold=bench.cold or plan.scenario == GOLDEN)
        judgement = judge(history)
        write_json(folder / "judgement.json", judgement.to_json())
        return Outcome(plan, judgement, folder)

    async def _run(self, bench: Bench, plan: Plan, folder: Path, limits: Limits, *, cold: bool) -> History:
        spawner = await self._spawning()
        write_atomically(folder / "plan.json", plan.to_text())
        subject = Subject(bench.profile, spawner, folder, f"{folder.name}-{secrets.token_hex(4)}", cold=cold)
        subject.open()
        try:
            run = self._prepare(bench, plan, subject, limits)
            history = await run.play(folder / "history.jsonl")
        finally:
            subject.close()
        if run.stray:
            clients = run.client.started if isinstance(run, ClientRun) else []
            await spawner.sweep([*subject.started, *clients])
        elif judge(history).verdict is Verdict.PASS:
            subject.forget_state()
        return history

    def _prepare(self, bench: Bench, plan: Plan, subject: Subject, limits: Limits) -> Run | ClientRun:
        header, tested = self._header(bench, plan), bench.profile.client
        _refuse_misplaced(plan, bench.profile)
        if tested is None:
            return Run(plan, subject, header, limits, bench.expected)
        client = ClientSubject(tested, subject)
        client.open()
        return ClientRun(plan, subject, header, limits, client, bench.pace, bench.expected)

    def _header(self, bench: Bench, plan: Plan) -> Header:
        profile = bench.profile
        return Header(
            seed=self.seed,
            scenario=plan.scenario,
            plan=plan.to_json(),
            profile=profile.name,
            profile_digest=profile.digest,
            contract=profile.contract.kind,
            claims=asdict(profile.claims),
            workload=asdict(profile.workload),
            subject={
                "command": profile.subject.command,
                "url": profile.subject.url,
                "server": dict(bench.server),
                "protocol": plan.protocol,
                **({"client": {"command": profile.client.command}} if profile.client else {}),
            },
        )

    # --- setting up

    async def _set_up(self, profile: Profile) -> Bench:
        """Find out what the subject speaks, and have it do its job once with nobody in the way."""
        try:
            bench = await self._probe(Bench(profile, (), {}, None, 0.0))
        except SubjectError:
            if profile.subject.command is None or profile.subject.cold:
                raise
            bench = await self._probe(Bench(profile, (), {}, None, 0.0, cold=True))
        if profile.client:
            return await self._set_up_client(bench)
        plan = Plan(GOLDEN, bench.protocols[0], ())
        folder = self.report_dir / "runs" / profile.name / f"{GOLDEN}{self._suffix}"
        history = await self._run(bench, plan, folder, Limits(_GOLDEN_SILENCE_S, _GOLDEN_TOTAL_S), cold=True)
        judgement = judge(history)
        write_json(folder / "judgement.json", judgement.to_json())
        output = next(history.of(Op.OUTPUT, types=[Type.OK]), None)
        if output is None:
            failed = next(history.of(Op.OUTPUT), None)
            end = next(history.of(Op.END))
            reason = failed.value.get("error") if failed else end.value["reason"]
            raise SubjectError(f"the undisturbed job of {profile.name} did not come to its end: {reason}")
        began = next(history.of(Op.CLIENT)).t
        return replace(bench, expected=output.value.get("records"), golden_s=round(output.t - began, 6))

    async def _set_up_client(self, bench: Bench) -> Bench:
        """The golden run of a client under test, cold; then another one as its runs will be, for the pace."""
        bench = replace(bench, golden_s=_GOLDEN_SILENCE_S)
        golden = await self._undisturbed(bench, GOLDEN, cold=True)
        paced = await self._undisturbed(bench, PACE, cold=bench.cold)
        began, output = next(paced.of(Op.CLIENT)), next(paced.of(Op.OUTPUT))
        expected = next(golden.of(Op.OUTPUT)).value["result"]
        for (path, first), (_, second) in zip(expected, output.value["result"], strict=True):
            if first == NOTHING:
                raise SubjectError(
                    f"the undisturbed client of {bench.profile.name} prints no JSON with a value at {path}"
                )
            if first != second:
                raise SubjectError(
                    f"two undisturbed runs of {bench.profile.name} differ at {path}: {first}, then {second}. Name in "
                    f"[client] result what stays the same"
                )
        return replace(bench, expected=expected, golden_s=round(output.t - began.t, 6))

    async def _undisturbed(self, bench: Bench, name: str, *, cold: bool) -> History:
        """One run of a client under test with nobody in the way; raises SubjectError where it does not succeed."""
        plan = Plan(name, bench.protocols[0], ())
        folder = self.report_dir / "runs" / bench.profile.name / f"{name}{self._suffix}"
        history = await self._run(bench, plan, folder, bench.limits(plan), cold=cold)
        write_json(folder / "judgement.json", judge(history).to_json())
        output = next(history.of(Op.OUTPUT), None)
        if output is None or output.type is not Type.OK:
            end = next(history.of(Op.END)).value["reason"]
            how = f"{output.value['how']}: {output.value.get('last_words')}" if output else end
            raise SubjectError(f"the undisturbed client of {bench.profile.name} did not come to its end: {how}")
        return history

    async def _probe(self, bench: Bench) -> Bench:
        """Which protocol revisions the subject speaks; raises SubjectError where it speaks none."""
        profile = bench.profile
        folder = self.report_dir / "runs" / profile.name / f"probe{self._suffix}"
        subject = Subject(profile, await self._spawning(), folder, f"probe-{secrets.token_hex(4)}", cold=bench.cold)
        subject.open()
        process = None
        try:
            process = await subject.boot() if bench.killable else None
            deadline = time.monotonic() + profile.subject.ready_deadline_s
            spoken: list[str] = []
            refusals: list[str] = []
            server: Mapping[str, Any] = {}
            for protocol in profile.subject.protocols or PROTOCOLS:
                try:
                    session = await _answer(lambda p=protocol: _open(subject.url, p), subject, process, deadline)  # type: ignore[misc]
                except WireError as error:
                    refusals.append(f"{protocol}: {error}")
                    continue
                spoken.append(protocol)
                server = session.server_info
                await session.close()
            if not spoken or (profile.subject.protocols and refusals):
                raise SubjectError(
                    f"{subject.url} does not speak MCP as the profile says: {'; '.join(refusals)}\n{subject.log_tail()}"
                )
            return replace(bench, protocols=tuple(spoken), server=server)
        finally:
            if process and not (await process.kill()).confirmed:
                await subject.spawner.sweep(subject.started)
            subject.close()
            subject.forget_state()


def _refuse_misplaced(plan: Plan, profile: Profile) -> None:
    """A plan of a server's run cannot be played with a client under test, nor the other way round."""
    for fault in plan.faults:
        of_clients = not fault.at.phase.in_server and fault.at.phase is not Phase.OBSERVED
        of_servers = fault.at.phase is Phase.OBSERVED or fault.action is not Action.KILL
        if of_servers if profile.client else of_clients:
            kind, other = ("client", "server") if profile.client else ("server", "client")
            raise UsageError(f"{fault}: this plan is for a {other}, and the subject of {profile.name} is a {kind}")


async def _open(url: str, protocol: str) -> Session:
    session = await Session.open(url, protocol=protocol, deadline_s=_PROBE_S)
    await session.list_tools(deadline_s=_PROBE_S)
    return session


async def _answer(attempt: Callable[[], Awaitable[T]], subject: Subject, process: Any, deadline: float) -> T:
    """Try until the subject answers, whatever it answers; raises SubjectError when it ends, or never does."""
    while True:
        try:
            return await attempt()
        except (Unreachable, DeadlineExceeded) as error:
            if process is not None and process.exited is not None:
                raise SubjectError(
                    f"the subject ended with {process.exited} before it answered; its last words:\n{subject.log_tail()}"
                ) from error
            if process is None or time.monotonic() > deadline:
                raise SubjectError(
                    f"nothing answers at {subject.url}: {error}. Is the url right, and does the command listen there?\n"
                    f"{subject.log_tail()}"
                ) from error
        await asyncio.sleep(_PAUSE_S)
