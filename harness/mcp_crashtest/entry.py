"""Where the program starts: before it imports anything, it listens to Ctrl-C and SIGTERM."""

from __future__ import annotations

from mcp_crashtest.commands.signals import end_at_once


def main() -> None:
    """Run the command line and exit with its code."""
    end_at_once()
    from mcp_crashtest.cli import main as run

    run()


if __name__ == "__main__":
    main()
