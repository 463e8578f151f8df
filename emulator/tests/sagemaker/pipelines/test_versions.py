from __future__ import annotations

from typing import Any

import pytest
from pipeline_bench import TOKEN, Bench
from pipeline_steps import definition, fail, processing

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.run import records
from sagemaker_emulator.sagemaker.pipelines.versions import VERSION

FIRST, SECOND = definition(processing("A")), definition(processing("B"))


@pytest.fixture
def pipeline(bench: Bench) -> Bench:
    """A bench with the pipeline p, of which FIRST and SECOND are the versions."""
    bench.create(processing("A"), PipelineVersionAliases=["live"])
    assert update(bench, PipelineDefinition=SECOND) == 2
    return bench


def update(bench: Bench, **changes: Any) -> int:
    return int(bench.call("UpdatePipeline", PipelineName="p", **changes)["PipelineVersionId"])


def update_version(bench: Bench, version: int, **changes: Any) -> None:
    arn = bench.context.arn("pipeline", "p")
    bench.call("UpdatePipelineVersion", PipelineArn=arn, PipelineVersionId=version, **changes)


def describe(bench: Bench, **version: Any) -> dict[str, Any]:
    return bench.call("DescribePipeline", PipelineName="p", **version)


def listed(bench: Bench, **more: Any) -> list[dict[str, Any]]:
    response = bench.call("ListPipelineVersions", PipelineName="p", **more)
    return list(response["PipelineVersionSummaries"])


def test_each_other_definition_is_a_version(pipeline: Bench) -> None:
    assert update(pipeline, PipelineDescription="no other definition") == 2
    assert update(pipeline, PipelineDefinition=SECOND) == 2
    assert update(pipeline, PipelineDefinition=FIRST) == 3
    assert [one["PipelineVersionId"] for one in listed(pipeline)] == [3, 2, 1]
    ascending = listed(pipeline, SortOrder="Ascending", MaxResults=2)
    assert [one["PipelineVersionId"] for one in ascending] == [1, 2]


def test_versions_are_described_by_number_and_by_alias(pipeline: Bench) -> None:
    assert describe(pipeline)["PipelineDefinition"] == SECOND
    assert describe(pipeline, PipelineVersionId=2) == describe(pipeline)
    assert describe(pipeline, PipelineVersionId=1)["PipelineDefinition"] == FIRST
    live = describe(pipeline, PipelineVersionAlias="live")
    assert (live["PipelineDefinition"], live["PipelineVersionAliases"]) == (FIRST, ["live"])


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ({"PipelineVersionId": 3}, "Version 3 of pipeline .*/p' does not exist. The latest is 2"),
        ({"PipelineVersionAlias": "next"}, "No version of pipeline .* has the alias 'next'"),
        ({"PipelineVersionAlias": "live", "PipelineVersionId": 1}, "not both"),
    ],
)
def test_unknown_version_is_refused(pipeline: Bench, version: dict[str, Any], message: str) -> None:
    for call in (describe, Bench.start):
        with pytest.raises(ApiError, match=message):
            call(pipeline, **version)


def test_earlier_version_is_started(pipeline: Bench) -> None:
    latest, status = pipeline.run()
    assert (status, set(pipeline.steps(latest))) == ("Succeeded", {"B"})
    first, status = pipeline.run(PipelineVersionId=1)
    assert (status, set(pipeline.steps(first))) == ("Succeeded", {"A"})
    aliased = pipeline.start(PipelineVersionAlias="live")
    described = pipeline.call("DescribePipelineExecution", PipelineExecutionArn=aliased)
    assert (described["PipelineVersionId"], described["PipelineVersionAliases"]) == (1, ["live"])
    text = pipeline.call("DescribePipelineDefinitionForExecution", PipelineExecutionArn=aliased)
    assert text["PipelineDefinition"] == FIRST
    last = [one["LastExecutionPipelineExecutionArn"] for one in listed(pipeline)]
    assert last == [latest, aliased]
    of_first = pipeline.call(
        "ListPipelineExecutions", PipelineName="p", PipelineVersionAlias="live"
    )
    arns = [one["PipelineExecutionArn"] for one in of_first["PipelineExecutionSummaries"]]
    assert arns == [aliased, first]


def test_version_gets_a_name_and_a_description(pipeline: Bench) -> None:
    names = {"PipelineVersionDisplayName": "two", "PipelineVersionDescription": "the second"}
    update_version(pipeline, 2, **names)
    assert names.items() <= describe(pipeline).items()
    assert names.items() <= listed(pipeline)[0].items()
    assert "PipelineVersionDisplayName" not in describe(pipeline, PipelineVersionId=1)


def test_alias_moves_once_it_is_removed(pipeline: Bench) -> None:
    with pytest.raises(ApiError, match="is assigned to version 1"):
        update_version(pipeline, 2, PipelineVersionAliasOperations={"Add": ["live"]})
    swap = {"Add": ["before"], "Remove": ["live"]}
    update_version(pipeline, 1, PipelineVersionAliasOperations=swap)
    update_version(pipeline, 2, PipelineVersionAliasOperations={"Add": ["live"]})
    assert [one["PipelineVersionAliases"] for one in listed(pipeline)] == [["live"], ["before"]]


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ({"Add": ["12"]}, "'12' can't consist of numbers only"),
        ({"Remove": ["next"]}, "Version 1 .* does not have the alias 'next'. Its aliases: live"),
        ({"Add": [f"a{number}" for number in range(10)]}, "up to 10 aliases; .* have 11"),
    ],
)
def test_wrong_alias_is_refused(pipeline: Bench, aliases: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        update_version(pipeline, 1, PipelineVersionAliasOperations=aliases)
    assert describe(pipeline, PipelineVersionId=1)["PipelineVersionAliases"] == ["live"]


def test_alias_of_an_update_needs_another_definition(pipeline: Bench) -> None:
    with pytest.raises(ApiError, match="only when the update changes the pipeline definition"):
        update(pipeline, PipelineDefinition=SECOND, PipelineVersionAliases=["next"])
    with pytest.raises(ApiError, match="'live' is assigned to version 1"):
        update(pipeline, PipelineDefinition=definition(fail("C")), PipelineVersionAliases=["live"])
    assert describe(pipeline)["PipelineDefinition"] == SECOND
    update(pipeline, PipelineDefinition=FIRST, PipelineVersionAliases=["next"])
    assert describe(pipeline, PipelineVersionAlias="next")["PipelineDefinition"] == FIRST


def test_pipeline_of_an_earlier_emulator_keeps_its_latest_definition(pipeline: Bench) -> None:
    store = pipeline.context.store
    for kind in (VERSION, records.DEFINITION):  # as that one left them
        for document in store.list(kind):
            store.delete(kind, document["Name"])
    assert pipeline.run()[1] == "Succeeded"
    assert [one["PipelineVersionId"] for one in listed(pipeline)] == [2]
    assert update(pipeline, PipelineDefinition=FIRST) == 3
    assert describe(pipeline, PipelineVersionId=2)["PipelineDefinition"] == SECOND


def test_versions_are_deleted_with_their_pipeline(pipeline: Bench) -> None:
    pipeline.call("DeletePipeline", PipelineName="p", ClientRequestToken=TOKEN)
    pipeline.create(fail("A"), ClientRequestToken=TOKEN[::-1])
    assert [one["PipelineVersionId"] for one in listed(pipeline)] == [1]
    assert listed(pipeline)[0]["PipelineVersionAliases"] == []
