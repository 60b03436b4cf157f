"""The log on standard error: lines for people, or one JSON object a line. What a client did wrong is no error here."""

from __future__ import annotations

import json
import logging
import sys
import warnings

from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

FORMATS = ("text", "json")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def refusals_are_answers(record: logging.LogRecord) -> bool:
    """False for what was refused: the client has been told, and the log need not be.

    FastMCP logs a tool's own error without a traceback, and one that is nobody's answer with it.
    """
    error = record.exc_info[1] if record.exc_info else None
    if record.name == "fastmcp.server.server" and not record.exc_info:
        return False
    return not isinstance(error, MCPError | ToolError)


def set_up(level: str, form: str) -> None:
    """Log to standard error, and nothing anywhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(refusals_are_answers)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("fastmcp", "mcp"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(logging.getLogger().level, logging.WARNING))
    warnings.filterwarnings("ignore", category=MCPDeprecationWarning)  # progress and logs of the handshake era
