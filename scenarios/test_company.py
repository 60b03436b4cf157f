"""Two stars: behind a restart the first client is not alone: a second job comes in, or a second client for the same.

A new life gives no id twice and keeps jobs apart; and whoever asks, one job is done once.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_crashtest import Trial
from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.offers import ANSWER
from mcp_crashtest.planning import sequences

SECOND_JOBS, TWO_BACK, CALLED_AGAIN, WHERE_THERE_IS_NONE = 9, 6, 2, 2
MORE = 20


@pytest.mark.crashtest(level=2)
def test_second_job(crashtest: Trial) -> None:
    """The server is killed while two jobs are under way, or is given a second one in its new life: both stay."""
    crashtest.refuse_alone(Companion.ANOTHER_JOB)
    at, told = (crashtest.scenario, crashtest.protocols, crashtest.workload), crashtest.second_told
    asks = ANSWER in crashtest.operations
    plans = sequences.second_jobs(*at, told=told, seed=crashtest.seed, count=MORE, asks=asks)
    in_the_new_life = [plan for plan in plans if plan.companion is Companion.ANOTHER_JOB][:WHERE_THERE_IS_NONE]
    owed = crashtest.takes_another(sequences.one_behind(*at, told=told), in_the_new_life)
    crashtest.play([replace(plan, owed=owed) for plan in plans], core=SECOND_JOBS)


@pytest.mark.crashtest(level=2)
def test_two_clients_back(crashtest: Trial) -> None:
    """Server and client are killed, and two clients come back at once for the same job: it is done once.

    Where the same call is one job to the server it is so too behind a kill.
    """
    crashtest.refuse_alone(Companion.SAME_JOB)
    at = (crashtest.protocols, crashtest.workload)
    plans = sequences.two_back(crashtest.scenario, *at, seed=crashtest.seed, count=MORE)
    crashtest.play(plans, core=TWO_BACK)
    if crashtest.is_one_call(sequences.called_once_more(crashtest.scenario, crashtest.protocols)):
        again = sequences.called_again(crashtest.scenario, *at, seed=crashtest.seed, count=MORE)
        crashtest.play(again, core=CALLED_AGAIN)
