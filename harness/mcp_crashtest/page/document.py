"""The page's document: what is told, as one HTML file that holds everything it shows and asks for nothing.

Markup comes from the template alone, which escapes whatever it is given; what the script draws travels as JSON in which
no "<" is left, and becomes text. The policy of the page lets this one script run, and nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, select_autoescape
from markupsafe import Markup

_FOLDER = "static"
_SCRIPTS = ("elements.js", "timeline.js", "records.js", "figures.js", "run.js", "page.js")
_STYLE, _TEMPLATE = "page.css", "page.html"


def _read(name: str) -> str:
    return files("mcp_crashtest.page").joinpath(_FOLDER, name).read_text(encoding="utf-8")


def script() -> str:
    """The page's script: our own, one function, with nothing global."""
    return "(() => {\n'use strict';\n" + "\n".join(map(_read, _SCRIPTS)) + "\n})();"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def json_text(data: Any) -> Markup:
    """JSON that may stand in a script element: nothing in it can end that element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text.encode("utf-8", "replace").decode())


def document(told: Mapping[str, Any], data: Mapping[str, Any], runs: Sequence[tuple[str, Any]]) -> str:
    """Write the page. ``told`` is for the template, ``data`` for the script, ``runs`` are ids with their tellings."""
    environment = Environment(
        loader=DictLoader({_TEMPLATE: _read(_TEMPLATE)}),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    code, style = script(), _read(_STYLE)
    policy = (
        f"default-src 'none'; script-src 'sha256-{_digest(code)}'; style-src 'sha256-{_digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return environment.get_template(_TEMPLATE).render(
        told,
        policy=policy,
        style=Markup(style),
        script=Markup(code),
        data=json_text(data),
        runs=[(id_, json_text(run)) for id_, run in runs],
    )
