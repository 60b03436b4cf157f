"""The contract ``tasks-extension``: how far a task is, in whatever words its server says it."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_crashtest.contracts.tasks_extension import progress_of
from mcp_crashtest.model.observe_spec import ObserveSpec


@pytest.mark.parametrize(
    ("task", "found"),
    [
        ({"statusMessage": "Processed 20/50 items"}, (20, 50)),
        ({"statusMessage": "working 2 of 4"}, (2, 4)),
        ({"statusMessage": "Epoch 3/50 - Loss: 0.5"}, (3, 50)),
        ({"statusMessage": "nearly there"}, None),
        ({"statusMessage": 20}, None),
        ({"progress": 3, "total": 9, "statusMessage": "20/50"}, (3, 9)),
        ({"progress": "3", "total": 9}, (3, 9)),
        ({}, None),
    ],
)
def test_progress_is_where_the_profile_says_or_in_the_status_message(task: dict[str, Any], found: Any) -> None:
    assert progress_of(task, ObserveSpec(), 50) == found
