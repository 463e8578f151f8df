from __future__ import annotations

from typing import Any

import pytest
from pipeline_bench import Bench
from pipeline_steps import get, output_uri, processing

from sagemaker_emulator.sagemaker.pipelines.run.records import CACHE
from sagemaker_emulator.sagemaker.pipelines.run.step_cache import cache_key, explain_miss

# "Default cache key attributes by pipeline step type" of the developer guide.
TRIALS = ("AlgorithmSpecification", "HyperParameterRanges", "InputDataConfig")
ATTRIBUTES = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        *("AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig"),
        *("DebugRuleConfigurations", "Environment", "HyperParameters", "InputDataConfig"),
    ),
    "Tuning": (
        *("HyperParameterTuningJobConfig", "TrainingJobDefinitions"),
        *(f"TrainingJobDefinition.{name}" for name in TRIALS),
        *("TrainingJobDefinition.StaticHyperParameters", "TrainingJobDefinition.TuningObjective"),
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
    "Lambda": ("FunctionArn", "Arguments"),
    "Callback": ("SqsQueueUrl", "Arguments"),
}
IGNORED = [("Tuning", "TrainingJobDefinition.ResourceConfig"), ("Transform", "TransformOutput")]


@pytest.mark.parametrize(
    ("type_", "path", "counts"),
    [
        *((type_, path, True) for type_, paths in ATTRIBUTES.items() for path in paths),
        *((type_, path, False) for type_, path in IGNORED),
    ],
)
def test_key_has_the_attributes_of_the_guide(type_: str, path: str, counts: bool) -> None:
    def digest(value: Any) -> str:
        for name in reversed(path.split(".")):
            value = {name: value}
        key = cache_key(type_, value)
        assert key
        return key.digest

    assert (digest("1") != digest("2")) is counts


ARGUMENTS = {
    "AppSpecification": {"ImageUri": "i", "ContainerArguments": ["--seed", "1"]},
    "ProcessingOutputConfig": {"Outputs": [{"S3Uri": "s3://b/1"}]},
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large"}},
}


def test_key_ignores_the_output() -> None:
    moved = {**ARGUMENTS, "ProcessingOutputConfig": {}}
    assert cache_key("Processing", ARGUMENTS) == cache_key("Processing", moved)


def test_step_type_that_is_never_cached_has_no_key() -> None:
    assert cache_key("Condition", {}) is None


def test_miss_is_explained_by_what_changed() -> None:
    application = {"ImageUri": "i", "ContainerArguments": ["--seed", "2"]}
    before = cache_key("Processing", ARGUMENTS)
    after = cache_key("Processing", {**ARGUMENTS, "AppSpecification": application})
    assert before and after
    assert before.digest != after.digest
    assert explain_miss(before, after) == (
        'since the latest successful run, AppSpecification.ContainerArguments[1]: "1" became "2"'
    )


def cached(name: str, environment: dict[str, Any] | None = None) -> dict[str, Any]:
    return processing(name, environment, CacheConfig={"Enabled": True, "ExpireAfter": "P1D"})


def test_cached_steps_are_not_run_again(bench: Bench) -> None:
    bench.create(cached("A"), cached("B", {"INPUT": output_uri("A")}))
    first, _ = bench.run()
    second, status = bench.run()
    assert status == "Succeeded"
    assert len(bench.jobs.created) == 2
    for step in bench.steps(second).values():
        assert step["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    assert bench.steps(first)["A"]["Metadata"] == bench.steps(second)["A"]["Metadata"]


def test_step_with_other_arguments_runs_again_and_the_log_states_why(bench: Bench) -> None:
    seed = {"Name": "Seed", "Type": "Integer", "DefaultValue": 1}
    bench.create(cached("A", {"SEED": get("Parameters.Seed")}), parameters=[seed])
    bench.run()
    arn, _ = bench.run({"Seed": "2"})
    assert "CacheHitResult" not in bench.steps(arn)["A"]
    assert len(bench.jobs.created) == 2
    assert any(
        line.startswith("A: cache miss") and 'Environment.SEED: "1" became "2"' in line
        for line in bench.lines
    )


def test_result_expires(bench: Bench) -> None:
    bench.create(cached("A"))
    bench.run()
    for kept in bench.context.store.list(CACHE):
        aged = {**kept, "Time": kept["Time"] - 86_401}  # P1D has 86,400 seconds
        bench.context.store.put(CACHE, kept["Name"], aged)
    arn, status = bench.run()
    assert status == "Succeeded"
    assert "CacheHitResult" not in bench.steps(arn)["A"]
    assert any("older than ExpireAfter allows" in line for line in bench.lines)
