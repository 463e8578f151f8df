"""The engine's pure parts: expressions, conditions, coercion, scheduling, caching, retries."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
import pytest

from sagemaker_emulator.sagemaker.pipelines.language import conditions
from sagemaker_emulator.sagemaker.pipelines.language.arguments import fit
from sagemaker_emulator.sagemaker.pipelines.language.definition import (
    Definition,
    StepDefinition,
    parse_duration,
)
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import (
    DefinitionError,
    StepError,
)
from sagemaker_emulator.sagemaker.pipelines.language.expressions import Scope, evaluate
from sagemaker_emulator.sagemaker.pipelines.language.graph import parents
from sagemaker_emulator.sagemaker.pipelines.language.reference import parse_path
from sagemaker_emulator.sagemaker.pipelines.language.retries import (
    RetryPolicy,
    classify_failure,
    delay,
)
from sagemaker_emulator.sagemaker.pipelines.language.step_types import RESOURCE_STEPS, resource_name
from sagemaker_emulator.sagemaker.pipelines.run.scheduler import plan
from sagemaker_emulator.sagemaker.pipelines.run.selection import select
from sagemaker_emulator.sagemaker.pipelines.run.step_cache import cache_key, explain_miss

SCOPE = Scope(
    parameters={"Threshold": 0.5, "Count": 3, "Flag": True, "Name": "tally"},
    execution={"PipelineExecutionId": "abcdefghijkl"},
    properties={
        "Prepare": {
            "ProcessingOutputConfig": {
                "Outputs": [
                    {"OutputName": "test", "S3Output": {"S3Uri": "s3://b/test"}},
                    {"OutputName": "train", "S3Output": {"S3Uri": "s3://b/train"}},
                ]
            }
        },
        "Tune": {"BestTrainingJob": {"TunedHyperParameters": {"batch-size": "32", "a.b": "x"}}},
    },
    property_files={("Evaluate", "Report"): "s3://b/evaluation.json"},
    read_json={
        "s3://b/evaluation.json": {"metrics": {"accuracy": {"value": 0.7}, "per.class": [1, 2]}}
    }.__getitem__,
)


def json_get(path: str) -> dict[str, Any]:
    return {
        "Std:JsonGet": {
            "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"},
            "Path": path,
        }
    }


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Get": "Parameters.Count"}, 3),
        ({"Get": "Execution.PipelineExecutionId"}, "abcdefghijkl"),
        (
            {"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"},
            "s3://b/train",
        ),
        (
            {"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs[0].S3Output.S3Uri"},
            "s3://b/test",
        ),
        ({"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['batch-size']"}, "32"),
        ({"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['a.b']"}, "x"),
        (
            {
                "Std:Join": {
                    "On": "/",
                    "Values": ["s3:/", {"Get": "Parameters.Name"}, {"Get": "Parameters.Count"}],
                }
            },
            "s3://tally/3",
        ),
        (
            {"Std:Join": {"Values": [{"Get": "Parameters.Flag"}, {"Get": "Parameters.Threshold"}]}},
            "true0.5",
        ),
        (json_get("metrics.accuracy.value"), 0.7),
        (json_get("$.metrics['per.class'][1]"), 2),
        (
            {"Std:JsonGet": {"S3Uri": "s3://b/evaluation.json", "Path": "metrics.accuracy"}},
            {"value": 0.7},
        ),
        ({"a": [{"Get": "Parameters.Count"}, 1]}, {"a": [3, 1]}),
    ],
    ids=str,
)
def test_expressions_evaluate(expression: Any, value: Any) -> None:
    assert evaluate(expression, SCOPE) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"Get": "Steps.Train.ModelArtifacts"}, "step 'Train' did not run"),
        (
            {"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['lr']"},
            "has no 'lr' at ['BestTrainingJob']['TunedHyperParameters']; "
            "there is an object with 'batch-size', 'a.b'",
        ),
        (json_get("metrics.recall"), "s3://b/evaluation.json has no 'recall'"),
    ],
    ids=str,
)
def test_a_missing_value_says_where_it_was_looked_for(expression: Any, message: str) -> None:
    with pytest.raises(StepError) as raised:
        evaluate(expression, SCOPE)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a.b", ["a", "b"]),
        ("a['b.c'][0]", ["a", "b.c", 0]),
        ('$["x y"].z-1', ["x y", "z-1"]),
        ("$.a", ["a"]),
    ],
)
def test_paths_parse(text: str, keys: list[Any]) -> None:
    assert parse_path(text) == keys


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (compare("Equals", "a", "a"), True),
        (compare("Equals", 1, 1.0), True),
        (compare("Equals", "1", "1.0"), False),
        (compare("Equals", True, False), False),
        (compare("GreaterThan", 2, 1), True),
        (compare("GreaterThan", 1, 1), False),
        (compare("GreaterThanOrEqualTo", "0.7", 0.7), True),
        (compare("LessThan", 1, 2), True),
        (compare("LessThan", 2, 2), False),
        (compare("LessThanOrEqualTo", 2, 2), True),
        (compare("LessThanOrEqualTo", 3, 2), False),
        ({"Type": "In", "QueryValue": "b", "Values": ["a", "b"]}, True),
        ({"Type": "In", "QueryValue": 3, "Values": [1, 2]}, False),
        ({"Type": "Not", "Condition": compare("Equals", 1, 2)}, True),
        ({"Type": "Not", "Expression": compare("Equals", 1, 1)}, False),
        (
            {"Type": "Or", "Conditions": [compare("Equals", 1, 2), compare("LessThan", 1, 2)]},
            True,
        ),
        (
            {"Type": "Or", "Conditions": [compare("Equals", 1, 2), compare("LessThan", 2, 1)]},
            False,
        ),
    ],
    ids=str,
)
def test_conditions(condition: dict[str, Any], outcome: bool) -> None:
    conditions.check(condition, "step 'Check'")
    assert conditions.is_true(condition) is outcome


def test_values_that_cannot_be_compared_fail_the_step() -> None:
    with pytest.raises(StepError, match="cannot compare 'high' with 1"):
        conditions.is_true(compare("GreaterThan", "high", 1))


@cache
def shape(operation: str) -> Any:
    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model(operation).input_shape


def test_values_take_the_type_of_the_field_they_land_in() -> None:
    request = {
        "HyperParameters": {"lr": 0.1, "epochs": 3, "debug": True},
        "ResourceConfig": {"InstanceCount": "2", "VolumeSizeInGB": 30.0},
        "EnableNetworkIsolation": "true",
        "Environment": None,
    }
    assert fit(request, shape("CreateTrainingJob")) == {
        "HyperParameters": {"lr": "0.1", "epochs": "3", "debug": "true"},
        "ResourceConfig": {"InstanceCount": 2, "VolumeSizeInGB": 30},
        "EnableNetworkIsolation": True,
    }


def test_a_value_that_fits_no_field_names_the_field() -> None:
    with pytest.raises(StepError, match=r"ResourceConfig.InstanceCount is 'two'"):
        fit({"ResourceConfig": {"InstanceCount": "two"}}, shape("CreateTrainingJob"))


def steps(*entries: StepDefinition) -> Definition:
    return Definition({}, {step.name: step for step in entries})


DIAMOND = steps(
    StepDefinition("A", "Training", {}),
    StepDefinition("B", "Training", {}, ("A",)),
    StepDefinition("C", "Training", {}, ("A",)),
    StepDefinition("D", "Training", {}, ("B", "C")),
)
BRANCHING = steps(
    StepDefinition("Check", "Condition", {}),
    StepDefinition("Yes", "Lambda", {}, (), "Check", "IfSteps"),
    StepDefinition("No", "Fail", {}, (), "Check", "ElseSteps"),
    StepDefinition("After", "Lambda", {}, ("Yes",)),
)


@pytest.mark.parametrize(
    ("definition", "statuses", "options", "expected"),
    [
        pytest.param(DIAMOND, {}, {}, (("A",), (), None), id="start"),
        pytest.param(DIAMOND, {"A": "Succeeded"}, {}, (("B", "C"), (), None), id="parallel"),
        pytest.param(DIAMOND, {"A": "Succeeded"}, {"limit": 1}, (("B",), (), None), id="limit"),
        pytest.param(
            DIAMOND, {"A": "Succeeded", "B": "Executing"}, {"limit": 1}, ((), (), None), id="full"
        ),
        pytest.param(
            DIAMOND,
            {"A": "Succeeded", "B": "Failed", "C": "Executing"},
            {},
            ((), (), None),
            id="running steps finish",
        ),
        pytest.param(
            DIAMOND,
            {"A": "Succeeded", "B": "Failed", "C": "Succeeded"},
            {},
            ((), (), "Failed"),
            id="failed",
        ),
        pytest.param(
            DIAMOND,
            dict.fromkeys("ABCD", "Succeeded"),
            {},
            ((), (), "Succeeded"),
            id="succeeded",
        ),
        pytest.param(
            DIAMOND, {"A": "Succeeded"}, {"stopping": True}, ((), (), "Stopped"), id="stopped"
        ),
        pytest.param(
            BRANCHING,
            {"Check": "Succeeded"},
            {"outcomes": {"Check": True}},
            (("Yes",), ("No",), None),
            id="if branch",
        ),
        pytest.param(
            BRANCHING,
            {"Check": "Succeeded"},
            {"outcomes": {"Check": False}},
            (("No",), ("Yes", "After"), None),
            id="else branch, and what depends on the other",
        ),
        pytest.param(
            BRANCHING,
            {"Check": "Succeeded", "Yes": "Skipped", "After": "Skipped", "No": "Failed"},
            {"outcomes": {"Check": False}},
            ((), (), "Failed"),
            id="Fail step",
        ),
    ],
)
def test_the_scheduler_plans_the_next_move(
    definition: Definition, statuses: Any, options: Any, expected: Any
) -> None:
    result = plan(
        definition,
        parents(definition),
        statuses,
        options.get("outcomes", {}),
        options.get("limit", 50),
        options.get("stopping", False),
    )
    assert (result.start, result.skip, result.status) == expected


def test_the_cache_key_ignores_what_the_guide_does_not_list() -> None:
    arguments = {
        "AppSpecification": {"ImageUri": "i", "ContainerArguments": ["--seed", "1"]},
        "ProcessingOutputConfig": {"Outputs": [{"S3Uri": "s3://b/1"}]},
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large"}},
    }
    first = cache_key("Processing", arguments)
    moved = cache_key("Processing", {**arguments, "ProcessingOutputConfig": {}})
    other = cache_key(
        "Processing",
        {**arguments, "AppSpecification": {"ImageUri": "i", "ContainerArguments": ["--seed", "2"]}},
    )
    assert first and moved and other
    assert first.digest == moved.digest != other.digest
    assert explain_miss(first, other) == (
        'since the latest successful run, AppSpecification.ContainerArguments[1]: "1" became "2"'
    )
    assert cache_key("Condition", {}) is None


# "Default cache key attributes by pipeline step type" of the developer guide.
TUNED = ("AlgorithmSpecification", "HyperParameterRanges", "InputDataConfig")
KEYS = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        *("AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig"),
        *("DebugRuleConfigurations", "Environment", "HyperParameters", "InputDataConfig"),
    ),
    "Tuning": (
        *("HyperParameterTuningJobConfig", "TrainingJobDefinitions"),
        *(f"TrainingJobDefinition.{name}" for name in TUNED),
        *("TrainingJobDefinition.StaticHyperParameters", "TrainingJobDefinition.TuningObjective"),
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
    "Lambda": ("FunctionArn", "Arguments"),
    "Callback": ("SqsQueueUrl", "Arguments"),
}
NO_KEYS = [("Tuning", "TrainingJobDefinition.ResourceConfig"), ("Transform", "TransformOutput")]


@pytest.mark.parametrize(
    ("kind", "path", "counts"),
    [
        *((kind, path, True) for kind, paths in KEYS.items() for path in paths),
        *((kind, path, False) for kind, path in NO_KEYS),
    ],
)
def test_the_cache_key_has_what_the_guide_lists(kind: str, path: str, counts: bool) -> None:
    def digest(value: Any) -> str:
        for name in reversed(path.split(".")):
            value = {name: value}
        key = cache_key(kind, value)
        assert key
        return key.digest

    assert (digest("1") != digest("2")) is counts


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("P30D", 30 * 86400),
        ("PT1H", 3600),
        ("30dT5h", 30 * 86400 + 5 * 3600),
        ("T16m", 960),
        ("5y", 5 * 365 * 86400),
        ("P1M", 30 * 86400),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "P0D", "x", 5])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)


def test_retries_back_off_until_attempts_or_time_run_out() -> None:
    exceptions = ["SageMaker.CAPACITY_ERROR", "Step.THROTTLING"]
    given = {"IntervalSeconds": 10, "BackoffRate": 2, "MaxAttempts": 3, "ExpireAfterMin": 1}
    policy = RetryPolicy.parse({"ExceptionType": exceptions, **given}, "step 'A'")
    capacity = classify_failure("CapacityError: none left")
    assert [delay([policy], capacity, n, 0) for n in range(4)] == [10, 20, 40, None]
    assert delay([policy], capacity, 1, 40) == 20
    assert delay([policy], capacity, 1, 41) is None
    assert delay([policy], "Step.THROTTLING", 0, 0) == 10  # not the service's own
    assert delay([policy], classify_failure("AlgorithmError: crash"), 0, 0) is None
    assert delay([], "Step.THROTTLING", 0, 0) == 1


def test_selection_reuses_what_the_selected_steps_need() -> None:
    waits = parents(DIAMOND)
    chosen = select(DIAMOND, waits, ["B"], "arn", {"A"})
    assert (chosen.run, chosen.reuse) == ({"B"}, {"A"})


@pytest.mark.parametrize(
    ("names", "source", "message"),
    [
        (["X"], "arn", "SelectedSteps names X: no such step"),
        (["A", "D"], "arn", "add B, C"),
        (["B"], None, "Invalid SourcePipelineExecutionArn: null"),
        (["D"], "arn", "B, C did not succeed in it"),
    ],
)
def test_a_wrong_selection_is_refused(names: list[str], source: str | None, message: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        select(DIAMOND, parents(DIAMOND), names, source, {"A"})
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "step", "prefix", "name"),
    [
        ("Processing", "Prepare", None, "pipelines-abcdefghijkl-Prepare-0123456789"),
        ("Processing", "Prepare", "mine", "mine-abcdefghijkl-Prepare-0123456789"),
        ("Tuning", "TuneTheModel", None, "abcdefghijkl-TuneTheM-0123456789"),
        ("Training", "x" * 64, None, f"pipelines-abcdefghijkl-{'x' * 29}-0123456789"),
        ("Training", "my_step", None, "pipelines-abcdefghijkl-my-step-0123456789"),
    ],
)
def test_names_made_by_the_service(kind: str, step: str, prefix: str | None, name: str) -> None:
    made = resource_name(RESOURCE_STEPS[kind], "abcdefghijkl", step, "0123456789", prefix)
    assert made == name
    assert len(made) <= RESOURCE_STEPS[kind].longest_name
