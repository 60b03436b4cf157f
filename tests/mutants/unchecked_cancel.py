"""Who asks how a job stands is checked, and who cancels it is not.

Must be caught by: isolation.leak.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants import operated
from tests.mutants.owned import Owned


class Unchecked(Owned):
    def cancel_job(self, user: str, job_id: str) -> str:
        return self.cancel(job_id)


if __name__ == "__main__":
    operated.main(Unchecked)
