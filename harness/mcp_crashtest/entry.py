"""Where the program starts: before it imports anything, it listens to Ctrl-C and SIGTERM."""

from __future__ import annotations

import sys

from mcp_crashtest.model.platforms import refusal


def main() -> None:
    """Run the command line and exit with its code; on a system that is not Linux, say what to do there."""
    refused = refusal(sys.platform, sys.argv[1:])
    if refused is not None:
        from mcp_crashtest.commands.exit_codes import ExitCode

        print(refused, file=sys.stderr)
        sys.exit(ExitCode.USAGE)
    from mcp_crashtest.commands.signals import end_at_once

    end_at_once()
    from mcp_crashtest.cli import main as run

    run()


if __name__ == "__main__":
    main()
