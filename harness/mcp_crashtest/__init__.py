"""mcp-crashtest: the crash-test lab for MCP servers and clients that run long tasks.

Data flows one way: profile + seed -> plan -> runner -> history -> checkers -> verdict -> report.
"""

__version__ = "0.1.0"
