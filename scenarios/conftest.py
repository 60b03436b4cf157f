"""Where the user names no profile, the reference server is put on trial: once for each contract that it offers.

Who asks for the scenarios of clients alone, with ``pytest scenarios/test_client.py``, has the reference client tried.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_OF_CLIENTS = "test_client.py"


def pytest_crashtest_profiles(config: pytest.Config) -> list[Path]:
    """The reference server's profiles, or the reference client's."""
    asked = {Path(argument.partition("::")[0]).name for argument in config.args}
    kind = "client" if asked == {_OF_CLIENTS} else "reference"
    return sorted((Path(__file__).parent / "profiles").glob(f"{kind}-*.toml"))
