"""``init`` has the job done twice: what two undisturbed runs do not have in common no fault can be blamed for."""

from __future__ import annotations

from mcp_crashtest.checkers.outputs import some
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.proposing.writing import Draft

_FREED = {
    "records.content": ("deterministic", "two undisturbed runs had other contents: a time, or something random"),
    "records.reordered": ("ordered", "two undisturbed runs had another order"),
}
_OTHER_KEYS = ("records.unexpected", "records.lost")


def freed(draft: Draft, profile: Profile, laboratory: Laboratory) -> list[str]:
    """The claims that were taken out of a draft because two undisturbed runs differ in that. Raises UsageError.

    It is raised where no record of one run is one of the other: what was taken for their key is none.
    """
    bench = laboratory.bench(profile)
    findings = {finding.invariant: finding for finding in laboratory.once_more(bench).judgement.findings}
    if all(invariant in findings for invariant in _OTHER_KEYS):
        keys = findings["records.unexpected"].evidence.get("keys", ())
        raise UsageError(
            f"two undisturbed runs do not have the same records, by their key: {some(keys)} were not there before. "
            f"Name one that is the same in each run: [observe] records, its key"
        )
    said = []
    for invariant, (claim, why) in _FREED.items():
        if invariant in findings and draft.get("claims", claim) is None:
            draft.say("claims", claim, False, why)
            said.append(f"[claims] {claim} = false: {why}")
    return said
