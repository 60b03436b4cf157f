"""JSON as clients' files may have it, within bounds: what comes in can be written again, by us and by whoever reads us.

Python takes more than JSON is: numbers that are none, halves of surrogate pairs, any depth.
"""

from __future__ import annotations

import json
import math
from typing import Any

DEEPEST = 100


class Unfit(ValueError):
    """A text is no JSON that can be passed on; the message says what it is, behind 'the line'."""


def parsed(text: bytes) -> Any:
    """The value of a JSON text; raises Unfit."""
    try:
        value = json.loads(text.decode("utf-8-sig"), parse_constant=_refused, parse_float=_finite)
    except Unfit:
        raise
    except RecursionError:
        raise Unfit(f"has more than {DEEPEST} values within each other") from None
    except ValueError:
        raise Unfit("is not JSON") from None
    if text.count(b"[") + text.count(b"{") > DEEPEST and _is_too_deep(value):
        raise Unfit(f"has more than {DEEPEST} values within each other")
    if b"\\u" in text and not _is_unicode(value):
        raise Unfit("has half a surrogate pair, which has no UTF-8")
    return value


def _refused(constant: str) -> Any:
    raise Unfit(f"has {constant}, and JSON has no such number")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise Unfit("has a number that is too large")
    return value


def _is_unicode(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_too_deep(value: Any) -> bool:
    """Level by level: a function that calls itself would be at the mercy of its input."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _within(outer)]
        if not level:
            return False
    return True


def _within(value: dict[str, Any] | list[Any]) -> list[Any]:
    found = value.values() if isinstance(value, dict) else value
    return [inner for inner in found if isinstance(inner, dict | list)]
