"""An entry of somebody's MCP configuration: how a server is started or reached, in the words of the hosts that do it.

``mcp.json`` and ``claude_desktop_config.json`` (mcpServers), ``.vscode/mcp.json`` (servers, inputs) and
``fastmcp.json`` (source, deployment) are read. All of it is data: nothing is executed but the command, which gets its
arguments as they stand there, with no shell between; its environment is the subject's alone. The values of variables
and headers are secrets where their name, or where they come from, says so, and stand in no profile.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mcp_crashtest.files.expansion import Expansion, holds_secret, literal
from mcp_crashtest.files.jsonc import read_jsonc
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.secrets import keep_secret
from mcp_crashtest.model.subject_spec import SubjectSpec

OPTION = "--mcp-config"
_HTTP = frozenset({"http", "https", "streamable-http", "streamablehttp", "streamable_http"})
_MOST_SERVERS, _MOST_WORDS = 1000, 1000
_LONGEST_WORD = 1 << 16
_FOLDERS = frozenset({".vscode", ".cursor", ".claude", ".idea"})
_HARMLESS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
_SCHEMES = ("bearer ", "basic ", "token ", "apikey ")


def with_entry(spec: SubjectSpec, folder: Path, server: str | None) -> SubjectSpec:
    """What is said of a subject, and what the entry that it names says of it; raises UsageError.

    What the profile says itself goes over the entry; of variables and headers both are taken.
    """
    assert spec.mcp_config is not None
    path = folder / Path(spec.mcp_config).expanduser()
    chosen = server or spec.server
    said, secrets = _Reader(path, chosen).entry()
    own = {key: getattr(spec, key) for key in ("command", "url", "cwd") if getattr(spec, key) is not None}
    for table in ("environment", "headers"):
        own[table] = {**said.get(table, {}), **getattr(spec, table)}
    return replace(spec, **{**said, **own}, server=chosen, lent=said, hidden=secrets, cold=True)


@dataclass(slots=True)
class _Reader:
    """One configuration, of which one entry is wanted."""

    path: Path
    server: str | None
    hidden: dict[str, str] = field(default_factory=dict)

    def entry(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What the entry says in the keys of [subject], and its secrets by the place at which they stand."""
        document = read_jsonc(self.path, OPTION)
        if not isinstance(document, Mapping):
            raise self._wrong("it is no JSON object")
        self.hidden = {}
        inputs = document.get("inputs")
        servers = _servers(document)
        if servers is None and isinstance(document.get("source"), Mapping | str):
            return self._fastmcp(document), self.hidden
        if not isinstance(servers, Mapping) or not servers:
            raise self._wrong('it has no servers, neither under "mcpServers" nor under "servers"')
        name = self._chosen(servers)
        entry = servers[name]
        if not isinstance(entry, Mapping):
            raise self._wrong("is no JSON object", name)
        return self._read(name, entry, inputs if isinstance(inputs, list) else []), self.hidden

    def _wrong(self, what: str, name: str | None = None) -> UsageError:
        return UsageError(f"{OPTION}: {self.path}: {what if name is None else f'the entry {name!r} {what}'}")

    def _chosen(self, servers: Mapping[str, Any]) -> str:
        names = ", ".join(repr(name) for name in list(servers)[:30])
        if len(servers) > _MOST_SERVERS:
            raise self._wrong(f"it has more than {_MOST_SERVERS} servers")
        if self.server is None and len(servers) > 1:
            raise self._wrong(f"it has several servers; name one with --server (or [subject] server): {names}")
        if self.server is not None and self.server not in servers:
            raise self._wrong(f"it has no server {self.server!r}; it has {names}")
        return self.server if self.server is not None else str(next(iter(servers)))

    @property
    def _folder(self) -> Path:
        """The folder that the configuration is for."""
        folder = self.path.resolve().parent
        return folder.parent if folder.name in _FOLDERS else folder

    # --- an entry of a host's

    def _read(self, name: str, entry: Mapping[str, Any], inputs: list[Any]) -> dict[str, Any]:
        expansion = Expansion(self._folder, inputs, f"{OPTION}: {self.path}: the entry {name!r}: ", self.hidden)
        command, url = entry.get("command"), entry.get("url", entry.get("serverUrl"))
        kind = entry.get("type", entry.get("transport"))
        if kind is not None and not isinstance(kind, str):
            raise self._wrong("type must be a text", name)
        if (command is None) == (url is None):
            raise self._wrong("needs a command or a url, one of the two", name)
        if entry.get("envFile") is not None:
            raise self._wrong("has an envFile, which is not read: say what it holds under env", name)
        if url is not None:
            return self._reached(name, entry, url, kind, expansion)
        if kind not in (None, "stdio"):
            raise self._wrong(f"has a command, and the type {kind!r} instead of stdio", name)
        if not isinstance(command, str) or not command.strip() or "\0" in command:
            raise self._wrong("command must be a text, and not be empty", name)
        words = [command, *self._list(name, "args", entry.get("args", []))]
        cwd = entry.get("cwd", ".")
        if not isinstance(cwd, str) or "\0" in cwd:
            raise self._wrong("cwd must be a text", name)
        return {
            "command": shlex.join(expansion.words(words)),
            "cwd": str(self._folder / Path(expansion.plain(cwd, "cwd")).expanduser()),
            "environment": dict(self._environment(name, entry.get("env", {}), expansion)),
        }

    def _reached(
        self, name: str, entry: Mapping[str, Any], url: Any, kind: str | None, expansion: Expansion
    ) -> dict[str, Any]:
        whole = expansion.plain(url, "url") if isinstance(url, str) else ""
        if urlsplit(whole).scheme not in ("http", "https"):
            raise self._wrong("url must begin with http:// or https://", name)
        old = kind is not None and kind.lower() == "sse"
        if old or (kind is None and urlsplit(whole).path.rstrip("/").endswith("/sse")):
            raise self._wrong("speaks HTTP+SSE of 2024-11-05, which is not supported: serve streamable HTTP", name)
        if kind is not None and kind.lower() not in _HTTP:
            raise self._wrong(f"has the type {kind!r}; stdio and http are known", name)
        headers: dict[str, str] = {}
        for header, value in self._table(name, "headers", entry.get("headers", {})):
            if not isinstance(value, str) or "$" in header:
                raise self._wrong(f"headers.{header} must be a text", name)
            sent = expansion.plain(value, f"headers.{header}")
            if header.lower() not in _HARMLESS:
                keep_secret(sent)
                scheme = next((s for s in _SCHEMES if sent.lower().startswith(s)), "")
                keep_secret(sent[len(scheme) :])
            headers[header] = self._hide(f"headers.{header}", sent)
        return {"url": expansion.url(url), "headers": headers}

    def _environment(self, name: str, table: Any, expansion: Expansion) -> Iterator[tuple[str, str]]:
        for variable, value in self._table(name, "env", table):
            if not variable or set(variable) & set("=\0${}"):
                raise self._wrong("env has a name that no variable can have", name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise self._wrong(f"env.{variable} must be a text", name)
            given, place = str(value), f"env.{variable}"
            whole = expansion.plain(given, place)
            if "\0" in whole:
                raise self._wrong(f"env.{variable} holds a NUL", name)
            if holds_secret(variable, whole):
                keep_secret(whole)
            yield variable, self._hide(place, whole)

    def _hide(self, place: str, value: str) -> str:
        self.hidden[place] = value
        return f"${{config:{place}}}"

    def _list(self, name: str, key: str, value: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(word, str) and "\0" not in word for word in value):
            raise self._wrong(f"{key} must be a list of texts", name)
        if len(value) > _MOST_WORDS or any(len(word) > _LONGEST_WORD for word in value):
            raise self._wrong(f"{key} are too many, or too long", name)
        return value

    def _table(self, name: str, key: str, value: Any) -> Iterator[tuple[str, Any]]:
        if not isinstance(value, Mapping):
            raise self._wrong(f"{key} must be a table", name)
        if len(value) > _MOST_WORDS or any(len(str(one)) > _LONGEST_WORD for one in value.values()):
            raise self._wrong(f"{key} has too much in it", name)
        yield from value.items()

    # --- FastMCP's own description of a server

    def _fastmcp(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """It is started by FastMCP's own command, which reads the file itself."""
        deployment = document.get("deployment", {})
        if not isinstance(deployment, Mapping):
            raise self._wrong("deployment must be a table")
        transport, path = deployment.get("transport") or "stdio", deployment.get("path") or "/mcp"
        words = ["fastmcp", "run", literal(str(self.path.resolve())), "--no-banner"]
        started: dict[str, Any] = {"cwd": str(self._folder)}
        if not isinstance(transport, str) or not isinstance(path, str) or not path.startswith("/"):
            raise self._wrong("deployment: transport and path must be texts, and a path begins with a slash")
        if transport == "sse":
            raise self._wrong("deployment speaks HTTP+SSE, which is not supported: set transport to http")
        if transport in _HTTP:
            words += ["--transport", "http", "--host", "127.0.0.1", "--port", "{port}", "--path", literal(path)]
            started["url"] = f"http://127.0.0.1:{{port}}{literal(path)}"
        elif transport != "stdio":
            raise self._wrong(f"deployment has the transport {transport!r}; stdio and http are known")
        return {**started, "command": shlex.join(words)}


def _servers(document: Mapping[str, Any]) -> Any:
    """Where hosts keep their servers: at the top, or under "mcp" in an editor's settings."""
    for key in ("mcpServers", "servers"):
        if key in document:
            return document[key]
    inner = document.get("mcp")
    return inner.get("servers") if isinstance(inner, Mapping) else None
