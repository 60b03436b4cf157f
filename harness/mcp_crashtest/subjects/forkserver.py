"""The fork server: a process that has imported what Python subjects import, and forks on request.

With a warm-up one child is forked ahead, so that a restart does not wait for it.

The child is a process of its own, in its own session, and becomes what ``python script.py ...`` or
``python -m module ...`` would have become: path, arguments, ``__main__``, environment, exit code and tracebacks.
Forking is only safe with a single thread: the fork server refuses to serve with more.

What stays different from a cold start: the command line is seen as one word and may be cut, the string hash seed is
the fork server's, and a preloaded module has read the environment before its subject's was there. FastMCP's settings
are read again; what the interpreter itself reads when it starts is the spawner's care.

It runs under the subject's own interpreter, CPython 3.9 or later, with the packages that are installed there; of the
lab there is this file, with those that it imports. A subject for which a module was imported that it would have found
in its own folder, or FastMCP's settings cannot be read again, becomes what it is by ``exec``, as a cold one does.
"""

from __future__ import annotations

import builtins
import ctypes
import gc
import importlib
import json
import os
import random
import runpy
import signal
import socket
import sys
import traceback
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NoReturn

from mcp_crashtest.subjects.parent import PYTHON_IGNORES, Parent, reset_signals, take_places
from mcp_crashtest.subjects.protocol import BOOT_VARIABLE, send_event

CONTROL = 3
USUAL = ("fastmcp", "uvicorn", "mcp.server")
"""What most servers in Python import; what of it is installed is imported where nothing else was asked for."""
_OURS = "mcp_crashtest"
_LONGEST_FAILURE = 2000
_NO_SCRIPT = 2
_WARMED_UP = "4"
_SOURCES = (".py", ".pyc", *EXTENSION_SUFFIXES)
_ARGUMENTS, _ENVIRONMENT = slice(45, 47), slice(47, 49)  # of /proc/self/stat after the name: where they lie in memory


def _gone() -> NoReturn:
    os._exit(0)


def _warm() -> None:
    """Warm FastMCP up where it was imported: a subject that does without it does not wait for it.

    Only a version that is known to keep nothing of an event loop that has ended; older ones are preloaded, no more.
    """
    version = str(getattr(sys.modules.get("fastmcp"), "__version__", ""))
    if "uvicorn" not in sys.modules or version.partition(".")[0] != _WARMED_UP:
        return
    from mcp_crashtest.subjects.warmup import warm_up_fastmcp

    warm_up_fastmcp()


def import_usual() -> list[str]:
    """Import what most servers do, as far as it is installed; what of it was imported."""
    imported = []
    for module in USUAL:
        if find_spec(module.partition(".")[0]) is None:
            continue
        with suppress(Exception):  # whoever needs it will say so
            importlib.import_module(module)
            imported.append(module)
    return imported


def prepare(modules: list[str], warm_up: bool) -> None:
    """Import and warm up; raises whatever an import raises, and RuntimeError when a thread is left."""
    for module in modules:
        try:
            importlib.import_module(module)
        except BaseException as error:
            raise ImportError(f"{module}: {type(error).__name__}: {error}") from error
    if warm_up:
        _warm()
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    if threads != 1:
        raise RuntimeError(f"{threads} threads are left after importing {', '.join(modules)}: forking is not safe")
    sys.stdout.flush()  # or each child would write once more what a module has printed
    gc.collect()
    gc.freeze()


def become(request: dict[str, Any], descriptors: list[int], path: list[str], *, keep_lab: bool) -> None:
    """In the child: run the subject's command as a new interpreter would."""
    take_places(descriptors)
    reset_signals()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    random.seed()
    _rename(request["argv"], request["env"][BOOT_VARIABLE])
    if hasattr(sys, "orig_argv"):  # since 3.10
        sys.orig_argv[:] = request["argv"]
    if not keep_lab:  # a subject may have a package of this name
        for name in [name for name in sys.modules if name.partition(".")[0] == _OURS]:
            del sys.modules[name]
        if hidden_by(_first_place(request["argv"][1:])) or not _settings_are_read_again():
            _begin_anew(request)
    importlib.invalidate_caches()
    try:
        run(request["argv"][1:], path)
    except SystemExit:
        raise
    except BaseException:
        _hide_from_traceback()
        raise


def run(arguments: list[str], path: list[str]) -> None:
    """Run a script, or with ``-m`` a module, as the main program."""
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    sys.path[:] = path if _safe_path() else [_first_place(arguments), *path]
    if arguments[0] == "-m":
        sys.argv[:] = arguments[1:]
        package = hasattr(sys.modules.get(arguments[1]), "__path__")
        # Preloaded; what is to run must not have been imported.
        sys.modules.pop(f"{arguments[1]}.__main__" if package else arguments[1], None)
        runpy._run_module_as_main(arguments[1])  # type: ignore[attr-defined]
        return
    sys.argv[:] = arguments
    script = os.path.join(os.getcwd(), arguments[0])  # noqa: PTH109, PTH118  not normalised, as cold
    try:
        text = Path(script).read_bytes()
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        print(f"{sys.executable}: can't open file {script!r}: {reason}", file=sys.stderr)
        sys.exit(_NO_SCRIPT)
    main.__dict__.update(
        {"__file__": script, "__cached__": None, "__loader__": SourceFileLoader("__main__", script)},
    )
    exec(compile(text, script, "exec", dont_inherit=True), main.__dict__)


def _first_place(arguments: list[str]) -> str:
    """Where a new interpreter would look first for what is imported."""
    return os.getcwd() if arguments[0] == "-m" else os.path.dirname(os.path.realpath(arguments[0]))  # noqa: PTH109, PTH120


def _safe_path() -> bool:
    return bool(getattr(sys.flags, "safe_path", False))  # since 3.11


def hidden_by(first: str) -> list[str]:
    """Modules that were imported from elsewhere, and that a subject which looks there first would have found there."""
    if _safe_path():
        return []
    try:
        there = {entry.name for entry in os.scandir(first)}
    except OSError:
        return []
    own = {name.partition(".")[0] for name in there if name.endswith(_SOURCES)}
    own |= {name for name in there if os.path.isfile(os.path.join(first, name, "__init__.py"))}  # noqa: PTH113, PTH118
    return sorted(name for name in own & sys.modules.keys() if _is_elsewhere(sys.modules[name], first))


def _is_elsewhere(module: ModuleType, first: str) -> bool:
    file = getattr(module, "__file__", None)  # what is built in has none, and is found before everything
    frozen = getattr(getattr(module, "__spec__", None), "origin", None) == "frozen"
    inside = os.path.join(os.path.realpath(first), "")  # noqa: PTH118
    return bool(file) and not frozen and not os.path.realpath(str(file)).startswith(inside)


def _begin_anew(request: dict[str, Any]) -> NoReturn:
    """Be a new interpreter, in the same process."""
    for ignored in PYTHON_IGNORES:
        signal.signal(ignored, signal.SIG_DFL)
    os.execve(request["argv"][0], request["argv"], request["env"])


def _hide_from_traceback() -> None:
    """The error that ends the subject is shown, by whatever hook it has set, as if this file had not called it."""
    shown = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        while trace and trace.tb_frame.f_code.co_filename in (__file__, "<string>"):
            trace = trace.tb_next
        shown(kind, error.with_traceback(trace), trace)

    sys.excepthook = show


def _rename(argv: list[str], boot: str) -> None:
    """Write command and boot to where the kernel shows them from; what the child forks inherits them."""
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = (int(place) for place in stat[_ARGUMENTS])
    title = " ".join(argv).encode(errors="replace")[: end - start - 2]
    if end - start > 2:  # a last byte that is not zero tells the kernel that this is one string
        ctypes.memmove(start, title.ljust(end - start - 1, b"\0") + b"\1", end - start)
    start, end = (int(place) for place in stat[_ENVIRONMENT])
    mark = f"{BOOT_VARIABLE}=".encode()
    found = (b"\0" + ctypes.string_at(start, end - start)).find(b"\0" + mark)
    if found >= 0:
        ctypes.memmove(start + found, mark + boot.encode(), len(mark) + len(boot))


def _settings_are_read_again() -> bool:
    """Read FastMCP's settings again where they may differ; whether that went well."""
    fastmcp: Any = sys.modules.get("fastmcp")
    if fastmcp is None or not (any(name.startswith("FASTMCP_") for name in os.environ) or Path(".env").exists()):
        return True
    try:
        _reread_settings(fastmcp)
    except Exception:
        return False
    return True


def _reread_settings(fastmcp: Any) -> None:
    fastmcp.settings.__dict__.update(type(fastmcp.settings)().__dict__)
    if fastmcp.settings.log_enabled:
        logging: Any = importlib.import_module("fastmcp.utilities.logging")
        rich = fastmcp.settings.enable_rich_tracebacks
        logging.configure_logging(level=fastmcp.settings.log_level, enable_rich_tracebacks=rich)


def main(wanted: str, path: list[str]) -> None:
    """Serve; in a child, become the subject. ``path`` is the interpreter's own, without script or folder."""
    control = socket.socket(fileno=CONTROL)
    control.set_inheritable(False)
    program, modules, warm_up = json.loads(wanted)
    sys.path[:] = path
    try:
        if (runs := os.readlink("/proc/self/exe")) != os.path.realpath(program):  # noqa: PTH115
            raise RuntimeError(f"{program} is no interpreter itself: it starts {runs}")
        if warm_up and not modules:
            modules = import_usual()
        sys.path.append(os.getcwd())  # noqa: PTH109
        prepare(modules, warm_up)
    except BaseException as error:
        traceback.print_exc()
        send_event(control, {"failed": str(error)[:_LONGEST_FAILURE]})
        sys.exit(1)
    send_event(control, {"serving": os.getpid()})
    ahead = warm_up and hasattr(os, "memfd_create")  # by which a request comes to who stands by
    request, descriptors = Parent(control, gone=_gone, ahead=ahead).serve()
    del control
    become(request, descriptors, path, keep_lab=any(name.partition(".")[0] == _OURS for name in modules))
