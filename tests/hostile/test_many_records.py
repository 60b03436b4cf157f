"""An output of a million records is read and judged in bounded memory: nobody has to keep it small for us."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_crashtest.files.run_folder import RunFolder

MOST_MIB = 400
MEASURED = """
import json, resource, sys
from pathlib import Path
from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.files.ledger import read_effects
from mcp_crashtest.files.outputs import each_record
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.profile import Workload
from mcp_crashtest.model.text import summarise
from mcp_crashtest.stage.recorder import Recorder
from tests.harness.checkers.histories import history

folder = RunFolder(Path(sys.argv[1]))
if sys.argv[2] == "read":
    header = history([], workload=Workload(int(sys.argv[3]), 1000)).header
    recorder = Recorder(header, folder, lambda _: None)
    records = Table.of(summarise(each_record(folder.path / "output.jsonl"), "$.n"), width=2)
    recorder.write("lab", Type.OK, Op.EXPECT, {"records": records})
    recorder.write("client-0", Type.OK, Op.OUTPUT, {"status": "completed", "count": None, "records": records}, task="t")
    recorder.write("lab", Type.OK, Op.EFFECTS, read_effects(folder.ledger).to_json())
    recorder.write("lab", Type.OK, Op.END, {"reason": "output", "silent_s": 0, "deadline_s": 1})
    recorder.close()
    said = "read"
else:
    said = judge(folder.history()).to_json()
used = resource.getrusage(resource.RUSAGE_SELF)
[most] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
mib = int(most.split()[1]) >> 10  # not ru_maxrss, which begins with that of whoever has started this process
print(json.dumps({"said": said, "mib": mib, "cpu_s": used.ru_utime + used.ru_stime}))
"""


@pytest.mark.parametrize("records", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_an_output_of_so_many_records_is_read_and_judged_in_bounds(
    tmp_path: Path, records: int, record_property: Callable[[str, object], None]
) -> None:
    with (tmp_path / "output.jsonl").open("w") as output, RunFolder(tmp_path).ledger.open("w") as ledger:
        for n in range(records):
            output.write(f'{{"n": {n}, "square": {n * n}}}\n')
            ledger.write(f'{{"task": "0123456789abcdef", "record": "{n}", "attempt": 1}}\n')
    steps = []
    for step in ("read", "judge"):
        command = [sys.executable, "-c", MEASURED, str(tmp_path), step, str(records)]
        used = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        record_property(f"{step}_mib", used["mib"])
        record_property(f"{step}_cpu_s", used["cpu_s"])
        steps.append(used)
    assert max(used["mib"] for used in steps) < MOST_MIB
    assert steps[-1]["said"]["verdict"] == "PASS"
    assert steps[-1]["said"]["findings"] == []
