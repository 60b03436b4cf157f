"""Records that differ from the golden run's: by a fault, or from run to run, as whoever wrote the profile did not say.

A time or a random number in a record differs without any fault. Before a server is accused of other contents it does
the job once more, undisturbed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import Profile

_CONTENT = "records.content"


def differs_in_content_alone(outcome: Outcome) -> bool:
    """Whether all that is held against a run is that its records are not the golden run's."""
    return {finding.invariant for finding in outcome.judgement.findings} == {_CONTENT}


class Steadiness:
    """What was found of each subject of a session, asked once: whether its records differ with nobody in the way."""

    def __init__(self) -> None:
        self._asking = asyncio.Lock()
        self._known: dict[str, UsageError | None] = {}

    async def mistake(
        self, profile: Profile, outcome: Outcome, alone: Callable[[], Awaitable[Outcome]]
    ) -> UsageError | None:
        """The profile's mistake, where a run says no more than that; nothing is held against the server for it then.

        ``alone`` does the job once more, undisturbed.
        """
        if not differs_in_content_alone(outcome):
            return None
        async with self._asking:
            if profile.digest not in self._known:
                undisturbed = await alone() if outcome.plan.faults else outcome
                self._known[profile.digest] = mistake_in(profile, undisturbed)
                if self._known[profile.digest] is not None:
                    undisturbed.folder.forget_judgement()
        mistake = self._known[profile.digest]
        if mistake is not None:
            outcome.folder.forget_judgement()
        return mistake


def mistake_in(profile: Profile, undisturbed: Outcome) -> UsageError | None:
    """What to say where an undisturbed run differs too; None where it does not."""
    if not differs_in_content_alone(undisturbed):
        return None
    said = next(finding.message for finding in undisturbed.judgement.findings)
    return UsageError(
        f"two undisturbed runs of {profile.name} do not have the same records: {said}. Is there a time, a random "
        f"number or something of the call's {{client_id}} in them? Say so, and they are compared by their key alone:"
        f"\n\n  [claims]\n  deterministic = false"
    )
