"""Records that differ from the golden run's: by a fault, or from run to run, as whoever wrote the profile did not say.

A time or a random number in a record differs without any fault. Before a server is accused of other contents it does
the job once more, undisturbed.
"""

from __future__ import annotations

from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import Profile

_CONTENT = "records.content"


def differs_in_content_alone(outcome: Outcome) -> bool:
    """Whether all that is held against a run is that its records are not the golden run's."""
    return {finding.invariant for finding in outcome.judgement.findings} == {_CONTENT}


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
