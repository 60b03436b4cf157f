"""What a scenario asks about its subject before it makes plans: what there is of it, and what makes sense on it."""

from __future__ import annotations

from collections.abc import Iterable

from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.model import companions
from mcp_crashtest.model.companions import Companion, told_by, why_alone
from mcp_crashtest.model.coordinates import Coordinate, Phase
from mcp_crashtest.model.errors import NotApplicable
from mcp_crashtest.model.faults import GOODBYE, NO_LINK, ROLL, Right
from mcp_crashtest.model.offers import ANSWER
from mcp_crashtest.model.paths import placeholders
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.planning.clients import windows
from mcp_crashtest.planning.exhaustive import boundary_of, phases_of
from mcp_crashtest.planning.randomized import Choice

_A_COMMAND_S = 1.0  # what an owner's command may take: a shell, a look at who is alive, a signal


class Facts:
    """Of a subject on its bench, for one scenario."""

    __slots__ = ()
    bench: Bench
    scenario: str

    @property
    def workload(self) -> Workload:
        """The job."""
        return self.bench.profile.workload

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocol revisions that the subject speaks."""
        return self.bench.protocols

    @property
    def blocking(self) -> bool:
        """Whether the job is one call that comes back with the output."""
        return self.bench.profile.contract.kind.blocking

    @property
    def operations(self) -> frozenset[str]:
        """What can be asked of it about tasks, beside starting and following one; no answer where nothing asks."""
        asks = self.bench.golden is not None and self.bench.golden.asks
        return self.bench.operations - (frozenset() if asks else {ANSWER})

    @property
    def varies(self) -> dict[str, bool]:
        """What of the job's size the profile lets vary: what the call's arguments tell the server."""
        told = set(placeholders(self.bench.profile.contract.arguments))
        return {"records": "total_records" in told, "batch": "batch_size" in told}

    @property
    def outruns_its_kill(self) -> bool:
        """Whether a batch may be over before its owner's command has killed the server: a command takes its time."""
        pace = self.bench.pace(Plan(self.scenario, self.protocols[0], ()))
        return self.bench.profile.subject.hooked and pace.batch_s < _A_COMMAND_S

    def refuse_alone(self, companion: Companion) -> None:
        """Raise NotApplicable, with a sentence that says why, where this second client makes no sense."""
        if why := why_alone(self.bench.profile, companion):
            raise NotApplicable(why)

    def refuse_senseless(self, kind: str) -> None:
        """Raise NotApplicable, with a sentence that says why, where a kind of fault makes no sense on this subject."""
        if why := self.bench.why_not(kind):
            raise NotApplicable(why)

    def sensible(self, choices: Iterable[Choice]) -> list[Choice]:
        """Those of these kinds and victims that make sense on this subject."""
        return [choice for choice in choices if self.bench.why_not(choice[0]) is None]

    @property
    def stops(self) -> tuple[str, ...]:
        """The kinds of a planned restart: SIGTERM, by turns with a host's goodbye over stdio, or a roll of several."""
        if self.bench.profile.subject.piped:
            return GOODBYE, "terminate"
        return ("terminate", ROLL) if self.servers > 1 and self.varies["records"] else ("terminate",)

    @property
    def servers(self) -> int:
        """How many servers live on one store: the subject, and those among its services that are like it."""
        return 1 + sum(service.server for service in self.bench.profile.services)

    def refuse_without_process(self) -> None:
        """Raise NotApplicable where the server is not the lab's own process, and cannot be frozen."""
        if Right.PROCESS not in self.bench.rights and Right.SERVER in self.bench.rights:
            raise NotApplicable(Right.PROCESS)

    def refuse_without_services(self) -> None:
        """Raise NotApplicable where the subject needs nothing beside itself that could die."""
        if not self.bench.profile.services:
            raise NotApplicable("the profile names no [[services]] that could die")

    @property
    def linked(self) -> tuple[int, ...]:
        """The numbers of the services, from 1, to which the link can fail; raises NotApplicable where there is none."""
        self.refuse_without_services()
        found = tuple(n for n, service in enumerate(self.bench.profile.services, start=1) if service.link)
        if not found:
            raise NotApplicable(NO_LINK)
        return found

    @property
    def second_told(self) -> frozenset[companions.Told]:
        """By what a second job is told from the first."""
        return told_by(self.bench.profile)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Where within a batch faults can land."""
        return phases_of(self.bench.profile.subject.crash_points)

    @property
    def boundary(self) -> Phase:
        """The phase that stands for "the batch is done and its client knows it"."""
        return boundary_of(self.bench.profile.subject.crash_points)

    @property
    def windows(self) -> list[Coordinate]:
        """Where a client under test can be killed."""
        return windows(self.bench.profile)
