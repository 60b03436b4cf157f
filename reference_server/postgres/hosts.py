"""The hosts that a URL names, and which of them is the primary: at a fail-over a standby takes the primary's place.

Of those that take writes the one on the latest timeline counts, which PostgreSQL begins with each promotion: an old
primary that is brought back as it was has the records that nobody else has, stands first in the URL perhaps, and is
not the store. What was the latest is remembered for as long as this process lives.

Two standbys that were both promoted are on timelines of one number, and are not told apart here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from reference_server.errors import StartError

DEFAULT_PORT = "5432"
# Without it a standby that stands first would be asked, and refuse all that is to be written for as long as it lives.
_WRITABLE = {"target_session_attrs": "read-write"}


def hosts_in(given: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """What is particular to each host of these parameters of a connection, in their order; raises StartError."""
    lists = {key: str(given[key]).split(",") for key in ("host", "hostaddr", "port") if given.get(key)}
    if any("@" in host for host in lists.get("host", ())) or not all(map(_is_port, lists.get("port", ()))):
        raise StartError("--store postgresql://...: in a password an @ is written %40, a / %2F and a : %3A")
    many = max((len(values) for key, values in lists.items() if key != "port"), default=1)
    for key, values in lists.items():
        if len(values) not in (many, 1 if key == "port" else many):
            raise StartError(f"--store names {many} hosts, and for {key} there are {len(values)}")
    if many == 1:
        return [{}]
    ours = {} if given.get("target_session_attrs") else _WRITABLE
    return [{**ours, **{key: values[n % len(values)] for key, values in lists.items()}} for n in range(many)]


def named(url: str) -> str:
    """The URL as people may see it: its hosts, and its database."""
    given = conninfo_to_dict(url)
    each = ({**given, **host} for host in hosts_in(given))
    where = (
        f"{one.get('host') or one.get('hostaddr') or 'localhost'}:{one.get('port') or DEFAULT_PORT}" for one in each
    )
    return f"postgresql://{','.join(where)}/{given.get('dbname') or ''}"


def _is_port(value: str) -> bool:
    return value == "" or (value.isascii() and value.isdigit())
