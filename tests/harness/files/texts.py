"""Profiles as people write them."""

from __future__ import annotations

from collections.abc import Callable

from mcp_crashtest.model.profile import Profile

GOOD = """
[subject]                      # how to start and reach it; {port}, {state_dir}, {ledger} are filled in
command = "python server.py --port {port} --db {state_dir}/tasks.db"
url = "http://127.0.0.1:{port}/mcp"
[contract]
kind = "resource-task"         # or resumable-tool
tool = "start_data_migration"
arguments = { source_path = "in.jsonl", destination_path = "out.jsonl", record_count = "{total_records}" }
[observe]                      # where count and records are found
count = "$.result_data.migrated_records"
records = { file = "{state_dir}/out.jsonl", key = "$.id" }
[claims]
semantics = "exactly-once"     # or at-least-once
resumes = true
recovery_deadline_s = 10
"""
SHORT = """
[subject]
url = "http://127.0.0.1:8000/mcp"
[contract]
kind = "resumable-tool"
tool = "work"
"""

Reader = Callable[..., Profile]
