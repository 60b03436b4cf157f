"""What a profile says of a server that its owner's commands start and end: all four, at a URL, each job by itself."""

from __future__ import annotations

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.paths import placeholders
from mcp_crashtest.model.profile import SITE_NAMES, Profile
from mcp_crashtest.model.subject_spec import HOOKS

_OF_JOB = frozenset({"client_id", "run_id"})


def check_hooks(profile: Profile, source: str) -> None:
    """Check them; raises UsageError."""
    subject = profile.subject
    said = [name for name in HOOKS if getattr(subject, name) is not None]
    if not said or subject.command is not None:  # with a command the lab needs none of them
        return
    if missing := [name for name in HOOKS if name not in said]:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise UsageError(
            f"{source}: [subject] {said[0]} alone proves nothing: the lab has to stop, kill and start the server, and "
            f"to ask whether it lives. Add {', '.join(missing)} (or {options})"
        )
    if "{port}" in (subject.url or ""):
        raise UsageError(
            f"{source}: [subject] url has {{port}}, and the server is not started by the lab: give its port"
        )
    if _is_shared(profile):
        raise UsageError(
            f"{source}: [observe] records lie in one place for all jobs, and this server keeps them from run to run: "
            f"tell this job's from the others' with {{id}}, {{client_id}} or {{run_id}}, or certify it by command"
        )


def _is_shared(profile: Profile) -> bool:
    """Whether the records of every job that the server ever had are found in one place."""
    records = profile.observe.records
    if records is None or not (records.file or records.sqlite or records.resource or records.tool):
        return False
    where = (records.file, records.sqlite, records.query, records.resource, records.arguments)
    told = {name.partition(".")[0] for name in placeholders(where)}
    return not told - (SITE_NAMES - _OF_JOB) - {"next"}
