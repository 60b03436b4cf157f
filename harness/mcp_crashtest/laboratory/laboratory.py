"""The laboratory: one spawner and one event loop for a whole session, and a bench for each subject.

A subject earns its bench by working once, undisturbed: the protocols that it speaks are found out, and the golden run
gives the output that every other run is compared with. On the bench plans are played, some at a time. This file
decides nothing about which plans, and says nothing to anybody.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.footprints import changed, footprint
from mcp_crashtest.laboratory.appeal import Appeals
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.golden import golden_of, with_golden
from mcp_crashtest.laboratory.loop import Loop
from mcp_crashtest.laboratory.plain_faults import refusal, unknown_word
from mcp_crashtest.laboratory.play import Outcome, behind_the_end, play
from mcp_crashtest.laboratory.probe import probed
from mcp_crashtest.laboratory.resuming import ATTEMPTS, finished_before, most_tries, tried_before
from mcp_crashtest.laboratory.slow import settled, suspected
from mcp_crashtest.laboratory.sniffing import Heard, sniffed
from mcp_crashtest.laboratory.steady import Steadiness
from mcp_crashtest.laboratory.tryout import Tryout, trying_out
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.operation import History
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.verdict import Verdict
from mcp_crashtest.planning.budget import tolerated
from mcp_crashtest.subjects.spawner import Spawner

_ONCE_MORE = "once-more"
_UNDISTURBED = 0  # the number of a plan that is no scenario's

T = TypeVar("T")
Numbered = tuple[int, Plan]


class Laboratory:
    """Plays plans. Open it with ``with``; everything that it has started is dead when it is closed.

    Of several plans none is begun once it is ``over``; ``cut_short`` says that one was not. ``resumes``: what was
    played to its end in this bundle before is not played again. ``restarts``: servers are to be started again and
    again, and what their second lives need is got ready with their first.
    """

    def __init__(
        self,
        bundle: Bundle,
        seed: int,
        jobs: int = 2,
        over: Callable[[], bool] = lambda: False,
        *,
        resumes: bool = False,
        restarts: bool = True,
    ) -> None:
        self.bundle = replace(bundle, folder=bundle.folder.resolve())
        self.seed = seed
        self.jobs = jobs
        self.over = over
        self.resumes = resumes
        self.restarts = restarts
        self.cut_short = False
        self._loop = Loop()
        self._spawner: Spawner | None = None
        self._benches: dict[str, Bench | SubjectError | UsageError] = {}
        self._unsaid: dict[str, SubjectError | UsageError] = {}
        self._overdue: set[str] = set()
        self._steadiness = Steadiness()
        self._appeals = Appeals()
        self._pacing = asyncio.Lock()

    def __enter__(self) -> Laboratory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process that was started, then the event loop."""
        try:
            if self._spawner:
                spawner, self._spawner = self._spawner, None
                self._loop.run(spawner.close())
        finally:
            self._loop.close()

    async def _spawning(self) -> Spawner:
        if self._spawner is None:
            self._spawner = await Spawner().__aenter__()
        return self._spawner

    def bench(self, profile: Profile, beside: Sequence[Profile] = ()) -> Bench:
        """The bench of this profile, set up at the first call; the benches of those ``beside`` it are set up meanwhile.

        Raises SubjectError or UsageError if that fails: whole at the first call, and in short at every other one.
        """
        if profile.digest not in self._benches and profile.digest not in self._unsaid:
            self._loop.run(self._set_up_all([profile, *(other for other in beside if other != profile)]))
        if (unsaid := self._unsaid.pop(profile.digest, None)) is not None:
            self._refuse(profile, unsaid)
            raise unsaid
        bench = self._benches[profile.digest]
        if isinstance(bench, SubjectError | UsageError):
            raise bench
        return bench

    def known(self, bench: Bench) -> Bench:
        """A bench with all that was learned since; as it is where nothing more is played of its subject."""
        found = self._benches.get(bench.profile.digest)
        return found if isinstance(found, Bench) else bench

    def probe(self, profile: Profile) -> Bench:
        """A bench without a golden run, for a subject of which no more is known than how to start and reach it.

        Raises UsageError and SubjectError.
        """

        async def probe() -> Bench:
            return await probed(Bench(profile), self.bundle, await self._spawning())

        return self._loop.run(probe())

    def sniff(self, profile: Profile) -> Heard | None:
        """Whether a command without a url serves HTTP or speaks stdio; None for neither. Raises SubjectError."""

        async def sniff() -> Heard | None:
            return await sniffed(Bench(profile), self.bundle, await self._spawning())

        return self._loop.run(sniff())

    def try_out(self, bench: Bench, use: Callable[[Tryout], Awaitable[T]]) -> T:
        """Have one life of a subject used by hand. Raises UsageError and SubjectError."""

        async def use_life() -> T:
            async with trying_out(bench, self.bundle, await self._spawning()) as tryout:
                return await use(tryout)

        return self._loop.run(use_life())

    def once_more(self, bench: Bench) -> Outcome:
        """The job again, with nobody in the way, over the last of its revisions. Raises SubjectError, UsageError."""

        async def again() -> Outcome:
            plan = Plan(_ONCE_MORE, bench.protocols[-1], ())
            folder = self.bundle.setting_up(bench.profile, _ONCE_MORE)
            outcome, _ = await play(bench, plan, folder, await self._spawning(), self.seed)
            return outcome

        return self._loop.run(again())

    def _refuse(self, profile: Profile, error: SubjectError | UsageError) -> None:
        """Nothing more is played of this profile; why not has been said, and is repeated in a line."""
        first = str(error).splitlines()[0].rstrip(" :")
        self._benches[profile.digest] = again = type(error)(f"{first} (as said above)")
        again.said = True

    async def _set_up_all(self, profiles: Sequence[Profile]) -> None:
        """As many at a time as runs are played; at a server that the lab does not start nothing else is done."""
        mine = [p for p in profiles if Bench(p).starts] if Bench(profiles[0]).starts else [profiles[0]]
        await self._spawning()
        waiting = (p for p in mine if p.digest not in self._benches and p.digest not in self._unsaid)

        async def lane() -> None:
            for profile in waiting:
                try:
                    self._benches[profile.digest] = await self._set_up(profile)
                except (SubjectError, UsageError) as error:
                    self._unsaid[profile.digest] = error

        await self._lanes(lane, self.jobs)

    async def _set_up(self, profile: Profile) -> Bench:
        spawner = await self._spawning()
        cwd = profile.subject.cwd or "."
        folder = Path(profile.folder, "." if "{" in cwd else cwd)  # where each run has its own, the profile's
        before = footprint(folder, self.bundle.folder) if profile.subject.command else {}
        bench = await probed(Bench(profile, restarts=self.restarts), self.bundle, spawner)
        bench = await with_golden(bench, self.bundle, spawner, self.seed, self._pacing)
        written = changed(before, footprint(folder, self.bundle.folder)) if profile.subject.command else []
        return replace(bench, outside=written[0] if written else "")

    def play(
        self, bench: Bench, scenario: str, plans: Iterable[Numbered], seen: Callable[[int, Outcome], None]
    ) -> list[Outcome]:
        """Play numbered plans, ``jobs`` at a time; no new one is begun once one has failed, or too many prove nothing.

        At a server that is not started for each run they are played one at a time. ``seen`` is told each outcome as it
        comes, with its number; returned they stand in that order. Raises UsageError, SubjectError and HarnessError.
        """
        return self._loop.run(self._play_all(bench, scenario, list(plans), seen))

    async def _play_all(
        self, bench: Bench, scenario: str, plans: list[Numbered], seen: Callable[[int, Outcome], None]
    ) -> list[Outcome]:
        outcomes: list[tuple[int, Outcome]] = []
        suspects: list[tuple[int, Outcome]] = []

        def note(number: int, outcome: Outcome) -> bool:
            """Whether to go on."""
            outcomes.append((number, outcome))
            seen(number, outcome)
            late = behind_the_end([o for _, o in outcomes], len(plans))
            unproven = sum(o.verdict is Verdict.INVALID and not o.drained and o not in late for _, o in outcomes)
            return all(o.verdict is not Verdict.FAIL for _, o in outcomes) and unproven <= tolerated(len(plans))

        bench = await self._with_workloads(bench, scenario, plans, note)
        waiting = (numbered for numbered in plans if bench.is_known(numbered[1]))

        async def lane() -> None:
            for number, plan in waiting:
                if self._is_over(plans):
                    return
                known = finished_before(self.bundle, bench.profile, scenario, number, plan) if self.resumes else None
                outcome = known or await self._until_landed(bench, scenario, number, plan)
                if suspected(outcome) and bench.profile.digest not in self._overdue:
                    suspects.append((number, outcome))
                elif not note(number, outcome):
                    return
                if suspects:
                    return

        go_on = True
        while go_on:
            await self._lanes(lane, 1 if bench.alone else self.jobs)
            go_on = bool(suspects)
            for number, outcome in suspects:
                go_on &= note(number, await self._settled(bench, scenario, number, outcome))
            suspects.clear()
        return [outcome for _, outcome in sorted(outcomes, key=lambda numbered: numbered[0])]

    async def _lanes(self, lane: Callable[[], Coroutine[Any, Any, None]], jobs: int) -> None:
        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(jobs):
                    lanes.create_task(lane())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    def _is_over(self, plans: list[Numbered]) -> bool:
        """Whether it is too late for one more of these plans; where a failing one is made smaller it never is."""
        over = len(plans) > 1 and self.over()
        self.cut_short = self.cut_short or over
        return over

    async def _settled(self, bench: Bench, scenario: str, number: int, first: Outcome) -> Outcome:
        """A claimed time that was passed is seen again alone; once it was proven, this subject is known for it."""
        if bench.profile.digest in self._overdue:
            return first
        attempts = itertools.count(ATTEMPTS + 1)

        async def again() -> Outcome:
            outcome, _ = await self._run(first.plan, scenario, number, next(attempts), bench)
            return outcome

        outcome = await settled(first, again)
        if outcome.verdict is Verdict.FAIL and suspected(outcome):
            self._overdue.add(bench.profile.digest)
        return outcome

    async def _with_workloads(
        self, bench: Bench, scenario: str, plans: list[Numbered], note: Callable[[int, Outcome], bool]
    ) -> Bench:
        """The bench with a golden run for each workload of these plans; they are kept for later ones.

        A job of another size is judged as any other run: one that does not pass is noted, and nothing is compared
        with it. A size that the server refuses at once, with nobody in the way, it has never promised: it is left out.
        """
        known = self.known(bench)
        spawner, goldens, refused = await self._spawning(), dict(known.others), dict(known.refused)
        sizes = dict.fromkeys(size for _, plan in plans for size in plan.sizes)
        wanted = [size for size in sizes if size and size not in goldens and size not in refused]
        for turn, size in enumerate(wanted, start=1):
            plan = Plan(scenario, bench.protocols[turn % len(bench.protocols)], (), workload=size)
            folder = self.bundle.run(bench.profile, scenario, _UNDISTURBED, turn)
            outcome, history = await play(bench, plan, folder, spawner, self.seed)
            if outcome.verdict is Verdict.PASS:
                goldens[size] = golden_of(history)
            elif (said := refusal(history)) is not None:
                refused[size] = said
            elif not note(_UNDISTURBED, outcome):
                break
        bench = replace(bench, others=goldens, refused=refused)
        self._benches[bench.profile.digest] = bench
        return bench

    async def _until_landed(self, bench: Bench, scenario: str, number: int, plan: Plan) -> Outcome:
        """Play a plan; where the job was over before a fault could land, once more: that shows nothing yet."""
        attempt = tried_before(self.bundle, bench.profile, scenario, number, plan) if self.resumes else 0
        while True:
            self._loop.between_runs()
            attempt += 1
            run = partial(self._run, plan, scenario, number, attempt)
            outcome, history = await self._appeals.heard(bench, run)
            if (mistake := unknown_word(bench.profile, history)) is not None:
                self._refuse(bench.profile, mistake)
                raise mistake
            await self._refuse_restless(bench, scenario, number, outcome)
            final = outcome.judgement.overdue or outcome.drained or attempt >= most_tries(outcome)
            if outcome.verdict is not Verdict.INVALID or final:
                return outcome
            bench = bench.hastened()

    async def _run(
        self, plan: Plan, scenario: str, number: int, attempt: int, bench: Bench, turn: int = 0
    ) -> tuple[Outcome, History]:
        folder = self.bundle.run(bench.profile, scenario, number, attempt + 2 * ATTEMPTS * turn)
        return await play(bench, plan, folder, await self._spawning(), self.seed)

    async def _refuse_restless(self, bench: Bench, scenario: str, number: int, outcome: Outcome) -> None:
        """Raise UsageError where records differ from run to run, with nobody in the way too."""
        profile, plan = bench.profile, outcome.plan

        async def alone() -> Outcome:
            undisturbed = Plan(scenario, plan.protocol, (), workload=plan.workload)
            return (await self._run(undisturbed, scenario, number, ATTEMPTS + 1, bench))[0]

        if (mistake := await self._steadiness.mistake(profile, outcome, alone)) is not None:
            self._refuse(profile, mistake)
            raise mistake
