"""A bench: a subject that was seen to work, with what its undisturbed job produced and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mcp_crashtest.laboratory.rhythm import Rhythm
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.companions import why_alone
from mcp_crashtest.model.coordinates import Batch, Moment, Since, Window, WindowName
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.faults import (
    GOODBYE,
    LINKS,
    NO_ADDRESS,
    NO_LINK,
    NO_POISON,
    NO_SOCKET,
    NOT_ON_STDIO,
    OVERLAP,
    POISON,
    REPLACE,
    TWINS,
    Fault,
    Right,
    rights_on,
)
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.model.profile import Profile, Workload
from mcp_crashtest.stage.pace import Limits, Pace

_OUTAGE, _SHORTEST_OUTAGE_S, _LONGEST_OUTAGE_S = 0.3, 0.3, 2.0
_SEEN_IN_TIME_S = 0.02  # a batch that is shorter is over before anybody has heard of it
_HASTE = 3
_CROWDED = 4  # the bound of what moves for ever: on a crowded machine everything takes its time
_OF_CLIENTS = frozenset({"kill", "interrupt", "drop"})
_GOLDEN = Limits(silence_s=60.0, total_s=3600.0)


@dataclass(frozen=True, slots=True)
class Golden:
    """What the undisturbed job produced, which every other run's output is compared with, and how long it took.

    ``expected`` is a table of records for a server on trial, the printed results for a client, or None.
    ``elapsed_s`` is counted from the client's start to the output. ``rhythm`` is that of a server's job, ``shown`` what
    its output says beside its records (count, shape and errors) and how often its task has asked for something;
    ``step_s`` the longest time between two reports of its progress.
    """

    expected: Table | list[list[str]] | None
    elapsed_s: float
    rhythm: Rhythm | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)
    step_s: float | None = None

    @property
    def asks(self) -> bool:
        """Whether the task has asked its client for something."""
        return bool(self.shown.get("asks"))

    @property
    def server(self) -> Mapping[str, Any]:
        """What the output of a server on trial is compared with."""
        records = self.expected if isinstance(self.expected, Table) else None
        job = {"job_s": self.rhythm.job_s} if self.rhythm else {}
        return {"records": records, **self.shown, "step_s": self.step_s, **job}


@dataclass(frozen=True, slots=True)
class Bench:
    """A subject at work. ``golden`` is that of the profile's own workload, ``others`` those of other sizes.

    ``protocols`` are the revisions that are played, the newest of each era; ``spoken`` are all that it speaks.
    ``tools`` are those that it lists, with their input schemas; ``lacks`` are operations of its pattern that it does
    not declare. ``refused`` are sizes of job that it does not take, with what it says. ``outside`` is a file that it
    has written in the folder in which it runs, empty for none. ``why_cold`` is what came of a start from a fork server,
    where all of its lives are ``cold`` for that. With ``restarts`` what a second life needs is got ready from the first
    start on. ``patient``: a job that it refuses, or a task that it does not show, it may not be ready for.
    """

    profile: Profile
    protocols: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    server: Mapping[str, Any] = field(default_factory=dict)
    cold: bool = False
    why_cold: str = ""
    restarts: bool = False
    golden: Golden | None = None
    others: Mapping[Size, Golden] = field(default_factory=dict)
    refused: Mapping[Size, str] = field(default_factory=dict)
    haste: float = 1.0
    patient: bool = False
    lacks: frozenset[str] = frozenset()
    outside: str = ""

    @property
    def operations(self) -> frozenset[str]:
        """What can be asked of it about tasks: what the profile says, but for what the server itself says it lacks."""
        return self.profile.operations - self.lacks

    @property
    def rights(self) -> frozenset[Right]:
        """What the lab may do to it."""
        return rights_on(self.profile.subject)

    @property
    def starts(self) -> bool:
        """Whether the lab starts a server for each run; else there is one for all, and runs go one at a time."""
        return self.profile.subject.command is not None

    @property
    def alone(self) -> bool:
        """Whether its runs go one at a time: nobody may start it, or there is something that all runs share."""
        return not self.starts or bool(self.why_alone)

    @property
    def why_alone(self) -> str:
        """Why runs of a server that is started go one at a time; empty where they need not."""
        if not self.outside:
            return self.profile.subject.why_alone
        return (
            f"it writes {self.outside!r} in its own folder, and what all runs share they may disturb. Give it "
            f"{{state_dir}} to write to, in [subject] command or environment, or empty the folder with [subject] reset"
        )

    @property
    def shared(self) -> tuple[str, ...]:
        """What one run at a time may use, on this machine."""
        subject = self.profile.subject
        port = (f"port {subject.fixed_port}",) if subject.fixed_port is not None else ()
        folder = (f"the folder of {self.outside}",) if self.outside else ()
        return port + folder + ((f"what is put back by {subject.reset}",) if subject.resets_all else ())

    def workload(self, plan: Plan) -> Workload:
        """The job of this plan: the profile's, of the plan's size where it has one."""
        mine, size = self.profile.workload, plan.workload
        return replace(mine, records=size.records, batch=size.batch) if size else mine

    def golden_of(self, plan: Plan) -> Golden | None:
        """The golden run of a plan's workload; None before it was played."""
        return self.others.get(plan.workload) if plan.workload else self.golden

    def golden_of_others(self, plan: Plan) -> list[Golden | None]:
        """The golden runs of the second and the third client's jobs, where these have a size of their own."""
        return [self.others.get(size) if size else None for size in (plan.second, plan.third)]

    def is_known(self, plan: Plan) -> bool:
        """Whether all golden runs were played that a plan is compared with."""
        return self.golden_of(plan) is not None and all(
            size is None or size in self.others for size in (plan.second, plan.third)
        )

    def hastened(self) -> Bench:
        """A clock three times as fast: the job was over before the moment of a fault had come.

        A machine that had more to do when the pace was measured is faster than was thought.
        """
        return replace(self, haste=self.haste / _HASTE)

    def pace(self, plan: Plan) -> Pace:
        """The times of a run of this plan."""
        golden = self.golden_of(plan)
        rhythm = golden.rhythm if golden else None
        undisturbed_s = (rhythm.job_s if rhythm else self._undisturbed_s(plan)) * self.haste
        outage_s = min(max(_OUTAGE * undisturbed_s, _SHORTEST_OUTAGE_S), _LONGEST_OUTAGE_S)
        if rhythm is None:
            return Pace(undisturbed_s, undisturbed_s / self.workload(plan).batches, outage_s)
        shown = rhythm.shown and rhythm.batch_s >= _SEEN_IN_TIME_S
        return Pace(undisturbed_s, rhythm.batch_s * self.haste, outage_s, shown)

    def limits(self, plan: Plan) -> Limits:
        """What a run of this plan may take: the bound of liveness, and the time the work itself needs."""
        if self.golden_of(plan) is None:
            return _GOLDEN
        undisturbed_s = self._undisturbed_s(plan)
        silence_s = self.profile.claims.liveness_s + undisturbed_s
        return Limits(silence_s, _CROWDED * (len(plan.faults) + 2) * (silence_s + undisturbed_s))

    def _undisturbed_s(self, plan: Plan) -> float:
        golden = self.golden_of(plan)
        return golden.elapsed_s if golden else _GOLDEN.silence_s

    def refuse_misplaced(self, plan: Plan) -> None:
        """Raise UsageError for a plan that cannot be played on this subject, before anything is started."""
        kind, other = ("client", "server") if self.profile.client else ("server", "client")
        for fault in plan.faults:
            if fault.operates and not self._offers(fault.kind):
                raise UsageError(f"{fault}: {self.profile.name} does not offer it: say how under [contract]")
            if fault.kind == POISON and self.profile.contract.poison is None:
                raise UsageError(f"{fault}: {NO_POISON}")
            if not self._can_land(fault):
                raise UsageError(
                    f"{fault}: this plan is for a {other}, and the subject of {self.profile.name} is a {kind}"
                )
            if why := self.why_not(fault.kind):
                raise UsageError(f"{fault}: {why}")
            if fault.service is not None and not 1 <= fault.service <= len(self.profile.services):
                raise UsageError(f"{fault}: {self.profile.name} has {len(self.profile.services)} [[services]]")
            if fault.service is not None and fault.kind in LINKS and not self.profile.services[fault.service - 1].link:
                raise UsageError(f"{fault}: {NO_LINK}")
        if plan.engine and (why := self.why_uncounted):
            raise UsageError(f"{plan}: {why}")
        for right in plan.needs - self.rights:
            raise UsageError(f"{plan}: {right}")
        if plan.afterlife and (self.profile.client or self.profile.contract.kind.blocking):
            raise UsageError(f"{plan}: only a task has an afterlife, and there is none in {self.profile.name}")
        if plan.companion and (why := why_alone(self.profile, plan.companion)):
            raise UsageError(f"{plan}: {why}")

    def unplayable(self, plan: Plan) -> str | None:
        """Why a plan that was made for an earlier profile makes no sense on this one; None where it does."""
        if self.spoken and plan.protocol not in self.spoken:
            return f"{self.profile.name} does not speak {plan.protocol}"
        missing = plan.needs - self.rights
        try:
            self.refuse_misplaced(plan)
        except UsageError as error:
            return str(error)
        return "; ".join(sorted(missing)) or None

    @property
    def why_uncounted(self) -> str | None:
        """Why the system calls of this subject cannot be counted; None where they can."""
        if self.profile.client:
            return "the system calls of a client are not counted"
        return None if self.starts else "only calls of a server that the lab starts are counted: certify it by command"

    def why_not(self, kind: str) -> str | None:
        """Why a kind of fault makes no sense over this subject's transport; None where it does."""
        subject = self.profile.subject
        if subject.piped:
            return NOT_ON_STDIO.get(kind)
        if kind in (REPLACE, TWINS) and subject.fixed_port is not None:
            return NO_ADDRESS
        if kind == GOODBYE:
            return "only a server on stdio is stopped so: give [subject] no url"
        return NO_SOCKET if kind == OVERLAP and not subject.inherits_socket else None

    def _offers(self, kind: str) -> bool:
        return kind in self.operations or (kind == "list" and "stats" in self.operations)

    def _can_land(self, fault: Fault) -> bool:
        at = fault.at
        if self.profile.client:
            return fault.kind in _OF_CLIENTS and not (isinstance(at, Batch) and not at.parks)
        asks = isinstance(at, Window) and at.name is WindowName.ASKING
        return not asks and not (isinstance(at, Moment) and at.since is Since.START)
