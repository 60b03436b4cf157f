"""The same jobs behind the plain Python SDK, as most servers on stdio are written."""

import argparse
import sys
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.stdio.server import Jobs

parser = argparse.ArgumentParser()
parser.add_argument("--state-dir", type=Path, required=True)
parser.add_argument("--ledger", type=Path, required=True)
given = parser.parse_args()
jobs = Jobs(given.state_dir, given.ledger)
mcp = MCPServer("jobs")


@mcp.tool()
def start(total: int, batch: int, key: str = "") -> dict[str, Any]:
    """Start a job of so many records."""
    return jobs.start(total, batch, key)


@mcp.tool()
def status(job: str) -> dict[str, Any]:
    """How a job stands; its records once it is done."""
    return jobs.status(job)


@mcp.tool()
def cancel(job: str) -> dict[str, Any]:
    """Cancel a job."""
    return jobs.cancel(job)


mcp.run("stdio")
