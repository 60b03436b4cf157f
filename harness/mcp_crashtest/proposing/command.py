"""What a command line gives away: its port, its store, and launchers that stand between the lab and the server."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_PORT_OPTION = re.compile(r"(--?(?:[a-z]+-)*port|-p)(=|$)", re.IGNORECASE)
_PORT_IN_WORD = re.compile(r"^((?:[a-z0-9.]+|\[::1?\]):)([0-9]{2,5})$", re.IGNORECASE)
_ASSIGNED = re.compile(r"^([A-Z][A-Z0-9_]*PORT|PORT)=([0-9]{2,5})$")
_PORT = re.compile(r"[0-9]{2,5}")
_STORE_OPTION = re.compile(
    r"--?(?:[a-z]+-)*(?:db|database|store|storage|state|data|sqlite)(?:-(?:dir|path|file|url|root))?$"
)
_STORE_VARIABLE = re.compile(
    r"(?:[A-Z0-9]+_)*(?:DB|DATABASE|STORE|STORAGE|STATE|DATA|SQLITE|[A-Z]+DB)(?:_(?:DIR|PATH|FILE|URL|ROOT|FOLDER))?"
    r"|(?:[A-Z0-9]+_)+(?:DIR|FOLDER)"
)
_STORE_FILE = re.compile(r"[^\s\"'{}]*\.(?:db|sqlite3?)", re.IGNORECASE)
_STORE_FOLDER = re.compile(
    r"(?:\.{0,2}/)?(?:[A-Za-z0-9_.-]+/)*\.?(?:data|db|database|state|store|storage|jobs|tasks)/?", re.IGNORECASE
)
_READ = frozenset({"input", "inputs", "in", "source", "src", "fixtures", "seed"})
_FIRST_PLACE = 2  # before it stand the interpreter, and what it runs
_LAUNCHERS = {
    "npx": "start the package's own file with node",
    "npm": "start what the script runs, with node",
    "yarn": "start what the script runs, with node",
    "pnpm": "start what the script runs, with node",
    "uv": "start it with the environment's own python: .venv/bin/python",
    "uvx": "install it, and start its own command",
    "pipx": "install it, and start its own command",
    "poetry": "start it with the environment's own python",
    "sh": "put 'exec' before the server's command",
    "bash": "put 'exec' before the server's command",
    "env": "say the variables in [subject] environment",
}
PORT_VARIABLES = ("PORT", "MCP_PORT", "FASTMCP_PORT", "HTTP_PORT")
"""Variables by which servers are told their port, where the command has no place for it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a profile may have it; ``changes`` say what was replaced, ``warnings`` what may be in the way.

    ``told_port``: whether it holds a place for the port now. ``environment``: assignments that stood before it.
    """

    text: str
    changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    told_port: bool = False
    path: str = "/mcp"
    environment: Mapping[str, str] = field(default_factory=dict)


def read_command(text: str, is_there: Callable[[str], bool] = lambda _: False) -> Command:
    """A command with ``{port}`` and ``{state_dir}`` where its port and its store are said; raises ValueError.

    What no option says to be the store, and ``is_there`` already, may be what the server reads: it stays. Only of
    what looks like a store's place it is asked whether it is there.
    """
    words, changes = shlex.split(text), list[str]()
    told = "{port}" in text or "{listen_fd}" in text
    environment: dict[str, str] = {}
    while words and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*=.*", words[0]):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
        changes.append(f"{name} is said in [subject] environment")
    for number, word in enumerate(words):
        before = words[number - 1] if number else ""
        if not told and (new := _with_port(word, before)) is not None:
            words[number], told = new, True
            changes.append(f"{word} is {new} now, so that each run has a port of its own")
        elif (new := _with_store(word, before) or _placed_store(word, before, number, is_there)) is not None:
            words[number] = new
            changes.append(f"{word} is {new} now, so that each run has a store of its own")
    for name, value in environment.items():
        if (new := moved_variable(name, value)) is not None and not is_there(value):
            environment[name] = new
            changes.append(f"{name}={value} is {new} now, so that each run has a store of its own")
        if not told and _ASSIGNED.fullmatch(f"{name}={value}"):
            environment[name], told = "{port}", True
    joined = " ".join(quoted(word) for word in words)
    return Command(joined, tuple(changes), tuple(_warnings(words)), told, environment=environment)


def launcher_in(text: str) -> str | None:
    """The launcher by which a command starts its server, a process of its own beside it; None without one."""
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    name = words[0].rsplit("/", 1)[-1] if words else ""
    return name if name in _LAUNCHERS and name != "env" else None


def with_port(text: str, port: int) -> str | None:
    """A command with ``{port}`` where it says the port that it was seen to listen on; None where it says none."""
    words = shlex.split(text)
    places = [number for number, word in enumerate(words) if re.search(rf"(?<![0-9]){port}(?![0-9])", word)]
    if len(places) != 1 or not places[0]:
        return None
    words[places[0]] = re.sub(rf"(?<![0-9]){port}(?![0-9])", "{port}", words[places[0]])
    return " ".join(quoted(word) for word in words)


def from_here(value: str, here: str) -> str:
    """A whole path inside a folder as ``{here}/...``; any other value as it is."""
    return f"{{here}}/{value.removeprefix(f'{here}/')}" if value.startswith(f"{here}/") else value


def words_from_here(text: str, here: str) -> str:
    """A command whose arguments are named from a folder, as far as they lie in it; as it is where none does."""
    program, *words = shlex.split(text) or [""]
    new = [from_here(word, here) for word in words]
    return text if new == words else " ".join(map(quoted, (program, *new)))


def quoted(word: str) -> str:
    """A word as a shell takes it; braces need no quotes, for there is no shell."""
    return word if re.fullmatch(r"[A-Za-z0-9_@%+=:,./{}~-]+", word) else shlex.quote(word)


def _with_port(word: str, before: str) -> str | None:
    if _PORT.fullmatch(word) and _PORT_OPTION.fullmatch(before):
        return "{port}"
    option, equals, value = word.partition("=")
    if equals and _PORT.fullmatch(value) and _PORT_OPTION.fullmatch(f"{option}"):
        return f"{option}={{port}}"
    if match := _PORT_IN_WORD.fullmatch(word):
        return f"{match[1]}{{port}}"
    return None


def _with_store(word: str, before: str) -> str | None:
    """A store's file, or folder, in the run's own folder; one that is there already or in the way of nobody stays."""
    if "{" in word.removeprefix("{here}/") or (word.startswith("-") is False and not _STORE_OPTION.fullmatch(before)):
        return None
    option, equals, value = word.partition("=")
    if word.startswith("-"):
        if not equals or not _STORE_OPTION.fullmatch(option):
            return None
        new = moved_place(value)
        return None if new is None else f"{option}={new}"
    return moved_place(word)


def _placed_store(word: str, before: str, number: int, is_there: Callable[[str], bool]) -> str | None:
    """A store that stands in the command by itself, as in ``node server.js ./data``: a path, and no bare word."""
    if number < _FIRST_PLACE or before.startswith("-") or "{" in word or word.startswith("-"):
        return None
    if _READ.intersection(re.findall(r"[a-z]+", word.lower())):
        return None
    folder = "/" in word and _STORE_FOLDER.fullmatch(word)
    new = moved_place(word) if folder or _STORE_FILE.fullmatch(word) else None
    return None if new is None or is_there(word) else new


def moved_variable(name: str, value: str) -> str | None:
    """A variable's value in the run's own folder, where its name is that of a store's place; None for any other."""
    if not _STORE_VARIABLE.fullmatch(name) or "{" in value or "$" in value:
        return None
    path = value.startswith(("sqlite:", ".", "/", "~")) or "/" in value or _STORE_FILE.fullmatch(value)
    return moved_place(value) if path or "DIR" in name else None


def moved_place(value: str) -> str | None:
    """The place of a store in the run's own folder; None for what is no file."""
    scheme, slashes, path = value.rpartition("///") if value.startswith("sqlite:") else ("", "", value)
    last = path.rstrip("/").rsplit("/", 1)[-1]
    if "://" in path or not re.fullmatch(r"[A-Za-z0-9_.-]+", last) or last in (".", ".."):
        return None
    return f"{scheme}{slashes}{{state_dir}}/{last}"


def _warnings(words: list[str]) -> list[str]:
    found = []
    name = words[0].rsplit("/", 1)[-1] if words else ""
    if name in _LAUNCHERS:
        found.append(
            f"{name} is a launcher: a kill goes to its whole process group, and is proven for all of it; a start takes "
            f"longer through it. To be quicker: {_LAUNCHERS[name]}"
        )
    return found
