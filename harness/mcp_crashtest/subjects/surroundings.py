"""A home of its own for each run: what a server keeps where nobody has told it to must not outlive the run.

Its HOME, the XDG folders and TMPDIR lie in the run's state. What is only fetched once stays where it is: the caches and
installations of package managers, of language runtimes and of models, and the files that say how they are reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_OWN = {
    "HOME": "",
    "XDG_CONFIG_HOME": ".config",
    "XDG_CACHE_HOME": ".cache",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "XDG_RUNTIME_DIR": ".run",
    "TMPDIR": ".tmp",
    "npm_config_logs_dir": ".npm/_logs",  # its cache is shared, and keeps the logs of the last ten commands
}
# Who would fetch everything again for each run: his cache is shared whether it is there yet or not.
_FETCHED = {
    "npm_config_cache": ".npm",
    "PIP_CACHE_DIR": "{cache}/pip",
    "UV_CACHE_DIR": "{cache}/uv",
    "UV_PYTHON_INSTALL_DIR": "{data}/uv/python",
    "UV_TOOL_DIR": "{data}/uv/tools",
}
# What is there already, and is looked for in a home.
_INSTALLED = {
    "PYTHONUSERBASE": ".local",
    "PIP_CONFIG_FILE": "{config}/pip/pip.conf",
    "UV_CONFIG_FILE": "{config}/uv/uv.toml",
    "npm_config_userconfig": ".npmrc",
    "PNPM_HOME": "{data}/pnpm",
    "YARN_CACHE_FOLDER": "{cache}/yarn",
    "BUN_INSTALL": ".bun",
    "DENO_DIR": "{cache}/deno",
    "NVM_DIR": ".nvm",
    "VOLTA_HOME": ".volta",
    "PYENV_ROOT": ".pyenv",
    "ASDF_DATA_DIR": ".asdf",
    "MISE_DATA_DIR": "{data}/mise",
    "PIPX_HOME": "{data}/pipx",
    "CARGO_HOME": ".cargo",
    "RUSTUP_HOME": ".rustup",
    "GOPATH": "go",
    "GOCACHE": "{cache}/go-build",
    "DOTNET_CLI_HOME": ".",
    "NUGET_PACKAGES": ".nuget/packages",
    "DOCKER_CONFIG": ".docker",
    "HF_HOME": "{cache}/huggingface",
    "TORCH_HOME": "{cache}/torch",
    "PLAYWRIGHT_BROWSERS_PATH": "{cache}/ms-playwright",
    "PUPPETEER_CACHE_DIR": "{cache}/puppeteer",
}
_PROBED = {"DOTNET_CLI_HOME": ".dotnet"}


def at_home(home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of a run whose home is this folder; what somebody has set for a tool stays as it is."""
    before = Path(environment.get("HOME") or Path.home())
    places = {
        "cache": environment.get("XDG_CACHE_HOME") or str(before / ".cache"),
        "config": environment.get("XDG_CONFIG_HOME") or str(before / ".config"),
        "data": environment.get("XDG_DATA_HOME") or str(before / ".local" / "share"),
    }
    found = {name: str(home / place) for name, place in _OWN.items()}
    for name, place in (*_FETCHED.items(), *_INSTALLED.items()):
        shared = before / place.format(**places)
        there = name in _FETCHED or (before / _PROBED[name] if name in _PROBED else shared).exists()
        if there and name not in environment and name.upper() not in environment:
            found[name] = str(shared)
    return found


def make_home(home: Path) -> None:
    """Make the folders, private as those of a user are."""
    for place in _OWN.values():
        (home / place).mkdir(mode=0o700, parents=True, exist_ok=True)
