"""Who asks how a job stands is checked, and who cancels it is not.

Must be caught by: isolation.leak.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.operated import Operated
from tests.mutants.owned import Owned


class Unchecked(Owned):
    async def cancel_job(self, job_id: str) -> str:
        """Cancel a job; what it has done is kept."""
        return await Operated.cancel_job(self, job_id)


if __name__ == "__main__":
    Unchecked("unchecked cancel").serve()
