"""What a recipe is played in: packages as it pins them, installed once and kept while the pins are the same.

Python: an environment with those packages and the lab, so that the server is started under the lab's own interpreter,
twenty times faster; recipes with the same pins share it. Node: ``node_modules`` beside the package.json, by its lock.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from recipes.recipe import HERE, Recipe

ROOT = HERE.parent
Do = Callable[[Sequence[str], Path], int]  # runs a command in a folder: its exit code
_VERSION = re.compile(r"\d+(\.\d+)+")
_ASK = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"


class NotInstalled(Exception):
    """What the recipe pins could not be installed."""


def lab(recipe: Recipe, do: Do) -> Sequence[str]:
    """Install what it pins, where that has not been done; the command of the lab with which it is certified."""
    if recipe.pins_node:
        _node(recipe, do)
    if recipe.pins_python:
        programs = _python(recipe, do) / "bin"
        for words in _by_uvx(recipe):
            if do([str(programs / "uvx"), *words, "--help"], recipe.folder):
                raise NotInstalled(f"uvx {' '.join(words)} failed")
        return [str(programs / "mcp-crashtest")]
    return [sys.executable, "-m", "mcp_crashtest.cli"]


def versions(recipe: Recipe, ask: Callable[[Sequence[str]], str]) -> Mapping[str, str]:
    """Of the packages that it names, as they are installed; ``ask`` gives what a command prints.

    What ``uvx`` fetches for itself has the version that the mcp.json pins.
    """
    told: dict[str, str] = {}
    fetched = _fetched(recipe)
    of_python = []
    for name in recipe.packages:
        package = recipe.folder / "node_modules" / name / "package.json"
        if package.exists():
            told[name] = json.loads(package.read_text(encoding="utf-8"))["version"]
        elif name in fetched:
            told[name] = fetched[name]
        else:
            of_python.append(name)
    if of_python:
        told |= json.loads(ask([str(recipe.folder / ".env" / "bin" / "python"), "-c", _ASK, *of_python]))
    for program in recipe.needs:
        if program not in ("npm", "npx"):
            said = ask([program, "--version"]).strip()
            found = _VERSION.search(said)
            told[program] = found[0] if found else said
    return told


def _fetched(recipe: Recipe) -> Mapping[str, str]:
    """What the entries of its mcp.json pin as NAME==VERSION."""
    words = (word.partition("==") for args in _by_uvx(recipe) for word in args)
    return {name: version for name, pinned, version in words if pinned}


def _by_uvx(recipe: Recipe) -> Sequence[Sequence[str]]:
    """What the entries of its mcp.json give to ``uvx``, which fetches packages at the first start."""
    if not (config := recipe.folder / "mcp.json").exists():
        return ()
    entries = json.loads(config.read_text(encoding="utf-8"))["mcpServers"].values()
    return [entry["args"] for entry in entries if entry["command"] == "uvx"]


def _python(recipe: Recipe, do: Do) -> Path:
    pins = (recipe.folder / "requirements.txt").read_text(encoding="utf-8")
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    digest = hashlib.sha256("\n".join([pins, *ours]).encode()).hexdigest()[:12]
    place = HERE / ".cache" / f"{sys.implementation.cache_tag}-{digest}"
    done = place / "installed"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        pip = [
            str(place / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
            "--disable-pip-version-check",
        ]
        for words in (
            [sys.executable, "-m", "venv", str(place)],
            [*pip, "--editable", str(ROOT), "--requirement", str(recipe.folder / "requirements.txt")],
        ):
            if do(words, recipe.folder):
                raise NotInstalled(f"{' '.join(words[:4])} failed")
        done.touch()
    link = recipe.folder / ".env"
    if not link.is_symlink() or link.readlink() != place:
        link.unlink(missing_ok=True)
        link.symlink_to(place)
    return place


def _node(recipe: Recipe, do: Do) -> None:
    pins = hashlib.sha256((recipe.folder / "package-lock.json").read_bytes()).hexdigest()
    done = recipe.folder / "node_modules" / ".pins"
    if done.exists() and done.read_text(encoding="utf-8") == pins:
        return
    if do(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], recipe.folder):
        raise NotInstalled("npm ci failed")
    done.write_text(pins, encoding="utf-8")
