"""For whom there can be a second client, and how a plan says that there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mcp_crashtest.model.companions import Companion, Told, told_by, varies, why_alone
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec
from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec
from mcp_crashtest.model.plan import Plan, Size
from mcp_crashtest.model.profile import Claims, ClientSpec, Profile, Semantics, Workload
from mcp_crashtest.model.subject_spec import SubjectSpec

KEYED = {"key": "{client_id}", "total": "{total_records}"}
INPUT = Workload(input_file="{state_dir}/data/in.jsonl")
BEHIND_IT = RecordsSpec(key="$.n", resource="job://{id}/records")


def profile(
    arguments: Mapping[str, Any] = KEYED,
    records: RecordsSpec | None = BEHIND_IT,
    kind: ContractKind = ContractKind.RESOURCE_TASK,
    **more: Any,
) -> Profile:
    contract = ContractSpec(kind, "start", arguments)
    return Profile("p", SubjectSpec("serve", "u"), contract, ObserveSpec(records=records), **more)


def why(companion: Companion, told: Profile) -> str:
    return why_alone(told, companion) or ""


@pytest.mark.parametrize("companion", Companion)
def test_a_job_with_a_key_has_all_kinds_of_company(companion: Companion) -> None:
    assert why_alone(profile(), companion) is None


@pytest.mark.parametrize("companion", Companion)
def test_a_client_under_test_has_its_server_to_itself(companion: Companion) -> None:
    told = profile(client=ClientSpec("run {url}", ("$.count",)))
    assert "the subject is a client" in why(companion, told)


@pytest.mark.parametrize(
    "records",
    [
        None,
        RecordsSpec(key="$.n"),
        RecordsSpec(key="$.n", file="{state_dir}/out-{client_id}.jsonl"),
        RecordsSpec(key="$.n", file="{path}"),
        RecordsSpec(key="$.n", tool="records", arguments={"job": "{task_id}"}),
        RecordsSpec(key="$.n", sqlite="{state_dir}/jobs.db", query="SELECT n FROM records WHERE job = {job.id}"),
    ],
    ids=str,
)
def test_records_that_are_found_by_the_job_allow_a_second_one(records: RecordsSpec | None) -> None:
    assert why_alone(profile(records=records), Companion.ANOTHER_JOB) is None


@pytest.mark.parametrize(
    "records",
    [
        RecordsSpec(key="$.n", file="{state_dir}/out.jsonl"),
        RecordsSpec(key="$.n", resource="records://latest"),
        RecordsSpec(key="$.n", tool="latest_records", arguments={"page": 1}),
        RecordsSpec(key="$.n", sqlite="{state_dir}/jobs.db", query="SELECT n FROM records"),
    ],
    ids=str,
)
def test_records_that_lie_in_one_place_for_all_jobs_do_not(records: RecordsSpec) -> None:
    assert "the records of all jobs lie in one place" in why(Companion.ANOTHER_JOB, profile(records=records))
    assert why_alone(profile(records=records), Companion.SAME_JOB) is None


@pytest.mark.parametrize("value", ["out.jsonl", "{state_dir}/out", "/srv/out/", ["x", {"to": "out.csv"}]])
def test_an_argument_that_may_be_where_all_jobs_write_does_not_either(value: Any) -> None:
    told = profile({**KEYED, "to": value})
    assert why(Companion.ANOTHER_JOB, told).startswith("the argument to = ")


@pytest.mark.parametrize("value", ["orders", "in.jsonl", "{state_dir}/data/in.jsonl", "out/{client_id}.jsonl", 3, None])
def test_names_inputs_and_places_of_its_own_are_no_such_argument(value: Any) -> None:
    assert why_alone(profile({**KEYED, "dataset": value}, workload=INPUT), Companion.ANOTHER_JOB) is None


def test_a_second_job_differs_from_the_first_in_its_key_or_its_size() -> None:
    assert why_alone(profile({"total": "{total_records}"}), Companion.ANOTHER_JOB) is None
    assert "nothing tells a second job" in why(Companion.ANOTHER_JOB, profile({"total": 100}))
    assert "nothing tells a second job" in why(
        Companion.ANOTHER_JOB, profile({"total": "{total_records}"}, workload=INPUT)
    )


def test_the_size_of_the_second_job_is_the_calls_alone() -> None:
    assert varies(profile())
    assert not varies(profile(workload=INPUT))
    assert not varies(profile({"key": "{client_id}"}))


def test_jobs_of_one_size_are_told_by_a_key_alone() -> None:
    assert told_by(profile()) == {Told.SIZE, Told.KEY}
    assert told_by(profile({"total": "{total_records}"})) == {Told.SIZE}
    assert told_by(profile({"key": "{client_id}"})) == {Told.KEY}
    assert told_by(profile({"total": 100})) == set()


def test_a_call_that_blocks_has_no_second_job_beside_it() -> None:
    told = profile(kind=ContractKind.RESUMABLE_TOOL)
    assert "is a single call" in why(Companion.ANOTHER_JOB, told)


def test_the_same_call_is_made_again_where_it_says_whose_job_it_is_and_hands_out_a_task() -> None:
    assert why_alone(profile(), Companion.SAME_CALL) is None
    assert "put {client_id}" in why(Companion.SAME_CALL, profile({"total": "{total_records}"}))
    assert "again by every client" in why(Companion.SAME_CALL, profile(kind=ContractKind.RESUMABLE_TOOL))


@pytest.mark.parametrize(
    ("told", "because"),
    [
        (
            profile({"total": 100}, kind=ContractKind.RESUMABLE_TOOL),
            "where its tool takes a name or key",
        ),
        (profile(kind=ContractKind.RESUMABLE_TOOL, claims=Claims(Semantics.AT_LEAST_ONCE)), "two calls at once"),
        (profile(kind=ContractKind.RESUMABLE_TOOL, claims=Claims(resumes=False)), "two calls at once"),
        (profile(kind=ContractKind.RESUMABLE_TOOL), ""),
    ],
)
def test_two_calls_are_one_job_where_a_key_says_so_and_it_resumes_exactly_once(told: Profile, because: str) -> None:
    assert because in why(Companion.SAME_JOB, told)
    assert bool(because) is bool(why(Companion.SAME_JOB, told))


def test_a_plan_says_who_comes_beside_the_client() -> None:
    plan = Plan("s", "p", (), companion=Companion.ANOTHER_JOB, second=Size(93, 10), owed=True)
    assert Plan.from_json(plan.to_json()) == plan
    assert str(plan) == "no faults, a second job beside it in the new life"


def test_a_plan_without_company_is_written_as_ever() -> None:
    assert not {"companion", "second", "owed"} & set(Plan("s", "p", ()).to_json())
