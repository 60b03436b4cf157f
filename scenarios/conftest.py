"""Where the user names no profile, the reference server is put on trial: its resumable job, and its durable one.

Who asks for the scenarios of clients alone, with ``pytest scenarios/test_client.py``, has the reference client tried.
What the reference pair imports is an extra: where it is not installed, the scenarios can be listed, but not played.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from mcp_crashtest.model.errors import UsageError

_REFERENCE = ("reference-durable.toml", "reference-resumable.toml")
_OF_CLIENTS = "test_client.py"
_IMPORTED = ("fastmcp", "numpy", "uvicorn")
_REFUSAL = pytest.StashKey[str]()


def pytest_crashtest_profiles(config: pytest.Config) -> list[Path]:
    """The reference server's profiles, or the reference client's."""
    absent = [module for module in _IMPORTED if find_spec(module) is None]
    if absent:
        config.stash[_REFUSAL] = (
            f"the reference server needs what is not installed here ({', '.join(absent)}): "
            "pip install 'mcp-crashtest[reference]', or name your own server's profile with --profile "
            "(under pytest --crashtest-profile)"
        )
    asked = {Path(argument.partition("::")[0]).name for argument in config.args}
    profiles = Path(__file__).parent / "profiles"
    if asked == {_OF_CLIENTS}:
        return sorted(profiles.glob("client-*.toml"))
    return [profiles / name for name in _REFERENCE]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Refuse the session where those profiles were asked for and their subjects cannot start."""
    works_for_another = hasattr(config, "workerinput")  # a worker of xdist cannot refuse
    if _REFUSAL in config.stash and not config.option.collectonly and not works_for_another:
        raise pytest.UsageError(config.stash[_REFUSAL])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """In a worker each scenario says so."""
    if _REFUSAL in item.config.stash:
        raise UsageError(item.config.stash[_REFUSAL])
