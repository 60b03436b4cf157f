"""The reference client: it can be killed at any moment and knows where it was."""

from reference_client.client import DurableClient
from reference_client.errors import ClientError
from reference_client.events import Event, JobChanged, Notice
from reference_client.state import Contract, Job, Phase, State

__all__ = ["ClientError", "Contract", "DurableClient", "Event", "Job", "JobChanged", "Notice", "Phase", "State"]
