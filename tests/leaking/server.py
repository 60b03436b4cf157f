"""The small server behind a token, which it tells wherever it can; with LEAK_LOSES set it loses a batch in a crash.

The token is in its handles, in the keys of its records and of its effects, in its answers and errors, in what it prints
and in what it stores. Must be caught by, where it loses a batch: records.lost.
"""

import base64
import json
import os
import sys
import urllib.parse
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

TOKEN = os.environ["LEAK_TOKEN"]


class Jobs(server.Jobs):
    def resume(self) -> None:
        self.again = bool(self._ask("SELECT id FROM jobs"))
        folder = self._folder
        for name, text in (("plain", TOKEN), ("base64", base64.b64encode(f"a {TOKEN}".encode()).decode())):
            (folder / name).write_bytes(b"\0" * 1_048_570 + text.encode() + b"\0")
        (folder / "locked").unlink(missing_ok=True)
        (folder / "locked").write_text(TOKEN)
        (folder / "locked").chmod(0)
        super().resume()

    def status(self, job: str) -> dict[str, Any]:
        return super().status(job) | {"id": f"{TOKEN}-{job}", "told": TOKEN, "long": "x" * 155 + TOKEN}

    def records(self, job: str) -> list[dict[str, Any]]:
        return [{**record, "n": f"{TOKEN}/{record['n']}"} for record in super().records(job)]

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        if os.environ.get("LEAK_LOSES") and self.again:
            self.again, numbers = False, range(numbers.start + 1, numbers.stop)
        self._effects.append(f"{TOKEN}-{job}", [f"{TOKEN}/{n}" for n in numbers])
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO records VALUES (?, ?, ?)", [(job, n, n * n) for n in numbers])
            self._db.execute("UPDATE jobs SET done = ? WHERE id = ?", (numbers.stop, job))
            self._db.execute("COMMIT")


class Handler(server.Handler):
    def do_POST(self) -> None:
        print(f"stdout: {TOKEN} {self.headers['authorization']}", flush=True)
        print(f"stderr: {urllib.parse.quote(TOKEN, safe='')}", json.dumps(TOKEN), file=sys.stderr, flush=True)
        if self.headers["authorization"] != f"Bearer {TOKEN}":
            body = f"{'x' * 290} {TOKEN} is wanted, and not {self.headers['authorization']}".encode()
            self.send_response(401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        super().do_POST()

    def _answer(self, method: str, params: dict[str, Any], begun: list[str]) -> dict[str, Any]:
        if method == "tools/call" and params["name"] != server.TOOL["name"]:
            raise ValueError(f"{TOKEN} may not call {params['name']}")
        if method == "resources/read":
            params = {**params, "uri": params["uri"].replace(f"{TOKEN}-", "")}
        answer = super()._answer(method, params, begun)
        if method == "tools/call":
            answer["content"][0]["text"] = answer["content"][0]["text"].replace("job://", f"job://{TOKEN}-")
        return answer


if __name__ == "__main__":
    server.main(Jobs, Handler)
