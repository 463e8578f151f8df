"""The compiled definition: readable, repeatable, and made of requests that AWS accepts.

After an intended change, renew the golden file and read its difference:
    RENEW=1 .venv/bin/python -m pytest tests/pipelines/test_definition.py; git diff tests/pipelines
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pipelines.parameters import declared
from pipelines.provisioning import container_images
from pipelines.provisioning.template import role_policy
from pipelines.root import ROOT
from pipelines.settings.layers import load
from pipelines.settings.model import Settings
from pipelines.upload.code import bundles
from tests.pipelines import request_shapes as shapes

GOLDEN = Path(__file__).with_name("definition.json")
ACCOUNT = "123456789012"
TRACKING = "arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/counts"
WEIGHTS = "s3://my-bucket/imagenet/"
SOURCE = {"PIPELINE_DATA_SOURCE": "s3://aft-vbi-pds"}
KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b-2c3d"
SECURED = {
    "PIPELINE_SECURITY_SUBNETS": "[subnet-0a1b, subnet-0a1c]",
    "PIPELINE_SECURITY_SECURITY_GROUPS": "[sg-0a1b]",
    "PIPELINE_SECURITY_ISOLATED": "true",
    "PIPELINE_SECURITY_KMS_KEY": KEY,
    "PIPELINE_INSTANCES_TRAINING": "ml.m5.xlarge",
}
VARIANTS = {
    "aws": ("aws", {}),
    "local": ("local", {}),
    "service-rules": ("aws", {"PIPELINE_DEBUG_SERVICE_RULES": "true"}),
    "tracked": ("aws", {"PIPELINE_TRACKING_MLFLOW_URI": TRACKING}),
    "together": ("aws", {"PIPELINE_INSTANCES_TRAINING_COUNT": "2"}),
    "spot": ("aws", {"PIPELINE_INSTANCES_SPOT": "true", "PIPELINE_TRAINING_MAX_HOURS": "2"}),
    "weights": ("aws", {"PIPELINE_TRAINING_PRETRAINED": WEIGHTS}),
    "secured": ("aws", SECURED),
    "local-disk": ("aws", {**SECURED, "PIPELINE_INSTANCES_TRAINING": "ml.g4dn.xlarge"}),
    "random": ("local", {"PIPELINE_TRAINING_PRETRAINED": "none"}),
}


def _settings(variant: str) -> Settings:
    target, changed = VARIANTS[variant]
    return load(target, {**SOURCE, **changed}).resolved(ACCOUNT, container_images.tags())


# One process for all variants: most of its time is the SDK's import.
COMPILE = """
import json, sys
from pipelines.upload.code import bundles
from pipelines.definition import build
from pipelines.settings.model import Settings
given = {name: Settings.model_validate_json(text) for name, text in json.load(sys.stdin).items()}
sys.stdout.write(json.dumps({name: build(value, bundles()) for name, value in given.items()}))
"""


def _compile(variants: Iterable[str], **environment: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        input=json.dumps({name: _settings(name).model_dump_json() for name in variants}),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    assert done.returncode == 0, done.stderr
    definitions: dict[str, str] = json.loads(done.stdout)
    return definitions


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return _compile(VARIANTS)


@pytest.fixture(scope="module")
def definition(texts: dict[str, str]) -> dict[str, Any]:
    compiled: dict[str, Any] = json.loads(texts["aws"])
    return compiled


@pytest.fixture(scope="module")
def by_name(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["Name"]: step for step in shapes.steps(definition)}


def test_it_is_the_golden_definition(texts: dict[str, str]) -> None:
    readable = json.dumps(json.loads(texts["aws"]), indent=2) + "\n"
    # The contents of scripts and images are not part of this test.
    for bundle in bundles().values():
        readable = readable.replace(bundle.sha, f"{{{bundle.name} code}}")
    for name, tag in container_images.tags().items():
        readable = readable.replace(f":{tag}", f":{{{name} image}}")
    if os.environ.get("RENEW"):
        GOLDEN.write_text(readable)
    assert readable == GOLDEN.read_text(), __doc__


def test_two_compilations_are_the_same_bytes(texts: dict[str, str], tmp_path: Path) -> None:
    # Another process, hash seed, home and time of day; and credentials that must not matter.
    again = _compile(
        ["aws"],
        PYTHONHASHSEED="7",
        HOME=str(tmp_path),
        AWS_ACCESS_KEY_ID="other",
        AWS_SECRET_ACCESS_KEY="other",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )
    assert again["aws"] == texts["aws"]


def test_it_has_the_steps_of_the_design(by_name: dict[str, dict[str, Any]]) -> None:
    assert {name: step["Type"] for name, step in by_name.items()} == {
        "Prepare": "Processing",
        "Tune": "Tuning",
        "Train": "Training",
        "Evaluate": "Processing",
        "CheckAccuracy": "Condition",
        "Register": "RegisterModel",
        "Deploy": "Lambda",
        "AccuracyTooLow": "Fail",
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_aws_accepts_every_request(texts: dict[str, str], variant: str) -> None:
    for step in shapes.steps(json.loads(texts[variant])):
        assert shapes.problems(step) == [], step["Name"]


def test_no_argument_or_parameter_is_empty(definition: dict[str, Any]) -> None:
    """SageMaker refuses an empty argument of a processing job, and an empty parameter."""
    assert "" not in [entry["DefaultValue"] for entry in definition["Parameters"]]
    for step in shapes.steps(definition):
        container = step["Arguments"].get("AppSpecification", {})
        for member in ("ContainerEntrypoint", "ContainerArguments"):
            assert "" not in container.get(member, [])


def test_the_request_check_reports_mistakes(by_name: dict[str, dict[str, Any]]) -> None:
    step = json.loads(json.dumps(by_name["Train"]))
    step["Arguments"]["TrainingColour"] = "red"
    step["Arguments"]["AlgorithmSpecification"]["TrainingInputMode"] = "Slow"
    step["Arguments"]["ResourceConfig"]["InstanceCount"] = "one"
    report = " ".join(shapes.problems(step))
    assert "TrainingColour" in report
    assert "Slow" in report
    assert "InstanceCount" in report


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_is_declared_and_used(texts: dict[str, str], variant: str) -> None:
    compiled = json.loads(texts[variant])
    parameters = declared(_settings(variant))
    assert [(p["Name"], p["Type"], p["DefaultValue"]) for p in compiled["Parameters"]] == [
        (p.name, p.type, p.default) for p in parameters
    ]
    used = set(re.findall(r'"Parameters\.(\w+)"', texts[variant]))
    assert used == {parameter.name for parameter in parameters}


def test_expressions_refer_to_steps_that_exist(
    texts: dict[str, str], by_name: dict[str, dict[str, Any]]
) -> None:
    referred = set(re.findall(r'"Get":"Steps\.(\w+)\.', texts["aws"]))
    assert referred == {"Prepare", "Tune", "Train", "Evaluate", "Register"}
    assert referred < set(by_name)


def test_all_conditions_must_hold(by_name: dict[str, dict[str, Any]]) -> None:
    arguments = by_name["CheckAccuracy"]["Arguments"]
    assert [condition["Type"] for condition in arguments["Conditions"]] == [
        "GreaterThanOrEqualTo",
        "GreaterThanOrEqualTo",
        "GreaterThanOrEqualTo",
    ]
    threshold, approved, found = (condition["RightValue"] for condition in arguments["Conditions"])
    assert threshold == {"Get": "Parameters.AccuracyThreshold"}
    assert approved["Std:JsonGet"]["Path"] == "tally.approved.must_reach.value"
    assert found == {"Get": "Parameters.MinFoundShare"}
    own = [condition["LeftValue"]["Std:JsonGet"]["Path"] for condition in arguments["Conditions"]]
    assert own == [
        "multiclass_classification_metrics.accuracy.value",
        "tally.approved.candidate_accuracy.value",
        "tally.decision.compared_found_share.value",
    ]
    assert [step["Name"] for step in arguments["IfSteps"]] == ["Register", "Deploy"]
    assert [step["Name"] for step in arguments["ElseSteps"]] == ["AccuracyTooLow"]


def test_jobs_are_cached_and_retried(by_name: dict[str, dict[str, Any]]) -> None:
    for name in ("Prepare", "Tune", "Train", "Evaluate"):
        step = by_name[name]
        assert step["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P30D"}
        exceptions = {e for policy in step["RetryPolicies"] for e in policy["ExceptionType"]}
        assert {"Step.THROTTLING", "SageMaker.JOB_INTERNAL_ERROR"} < exceptions
    assert "CacheConfig" not in by_name["Register"]
    assert "CacheConfig" not in by_name["Deploy"]


def test_cached_arguments_do_not_name_the_execution(by_name: dict[str, dict[str, Any]]) -> None:
    """An execution's id in what SageMaker compares would make every step run every time."""
    for name in ("Prepare", "Tune", "Train", "Evaluate"):
        arguments = dict(by_name[name]["Arguments"])
        for output in ("ProcessingOutputConfig", "OutputDataConfig"):
            arguments.pop(output, None)
        arguments.get("TrainingJobDefinition", {}).pop("OutputDataConfig", None)
        assert "Execution." not in json.dumps(arguments)


def test_debug_rules_watch_only_the_final_training(by_name: dict[str, dict[str, Any]]) -> None:
    tune = by_name["Tune"]["Arguments"]["TrainingJobDefinition"]["StaticHyperParameters"]
    train = by_name["Train"]["Arguments"]["HyperParameters"]
    assert (tune["debug"], train["debug"]) == ("false", "true")
    assert (tune["profile"], tune["export"], tune["decision"]) == ("false", "none", "none")
    assert train["export"] == "required"  # the inference image has no PyTorch
    assert "decision" not in train  # its own default fits the decision
    assert "DebugRuleConfigurations" not in by_name["Train"]["Arguments"]


def test_the_services_rules_can_be_turned_on(texts: dict[str, str]) -> None:
    compiled = json.loads(texts["service-rules"])
    train = next(step for step in shapes.steps(compiled) if step["Name"] == "Train")["Arguments"]
    assert len(train["DebugRuleConfigurations"]) == 5
    assert len(train["ProfilerRuleConfigurations"]) == 2
    assert train["ProfilerConfig"]["ProfilingIntervalInMilliseconds"] == 500


def test_jobs_write_only_where_the_execution_role_may(texts: dict[str, str]) -> None:
    """Those of batch scoring write to `scores`, and endpoints to `capture`."""

    def written(part: Any) -> set[str]:
        if isinstance(part, list):
            return set().union(*map(written, part))
        if not isinstance(part, dict):
            return set()
        found = set().union(*map(written, part.values()))
        for address in (
            part.get("S3OutputPath"),
            part.get("S3Output"),
            part.get("CheckpointConfig"),
        ):
            whole = address.get("S3Uri", address) if isinstance(address, dict) else address
            if whole:
                text = whole if isinstance(whole, str) else whole["Std:Join"]["Values"][0]
                found.add(text.removeprefix("s3://tally-us-east-1-123456789012/tally/"))
        return found

    folders = set().union(*(written(json.loads(text)) for text in texts.values()))
    statements = role_policy("ExecutionRole", _settings("aws"))["Statement"]
    (resources,) = [one["Resource"] for one in statements if one["Sid"] == "WriteBucket"]
    allowed = {resource.split("/")[-2] for resource in resources}
    assert folders == allowed - {"scores", "capture"}


def test_trainings_get_the_tracking_server_of_the_settings(texts: dict[str, str]) -> None:
    def environments(variant: str) -> list[dict[str, str] | None]:
        steps = {
            step["Name"]: step["Arguments"] for step in shapes.steps(json.loads(texts[variant]))
        }
        jobs = steps["Tune"]["TrainingJobDefinition"], steps["Train"]
        return [job.get("Environment") or None for job in jobs]

    assert environments("tracked") == [{"MLFLOW_TRACKING_URI": TRACKING}] * 2
    assert environments("aws") == environments("local") == [None, None]


def _trainings(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The request of a trial, and that of the final training."""
    found = {step["Name"]: step["Arguments"] for step in shapes.steps(json.loads(text))}
    return found["Tune"]["TrainingJobDefinition"], found["Train"]


def test_a_model_can_be_trained_by_several_instances(texts: dict[str, str]) -> None:
    for text, count in ((texts["aws"], 1), (texts["together"], 2)):
        counts = [job["ResourceConfig"]["InstanceCount"] for job in _trainings(text)]
        assert counts == [count, count]


def test_trainings_on_spot_instances_wait_and_resume_from_checkpoints(
    texts: dict[str, str],
) -> None:
    trial, final = _trainings(texts["spot"])
    for job in (trial, final):
        assert job["EnableManagedSpotTraining"] is True
        assert job["StoppingCondition"] == {
            "MaxRuntimeInSeconds": 7200,
            "MaxWaitTimeInSeconds": 14400,
        }
    address = trial["CheckpointConfig"]["S3Uri"]["Std:Join"]["Values"]
    assert address[0] == f"s3://tally-us-east-1-{ACCOUNT}/tally/checkpoints"
    assert address[-2:] == ["trials", "last"]
    trial, final = _trainings(texts["aws"])
    assert "CheckpointConfig" not in trial
    assert final["CheckpointConfig"] == _trainings(texts["spot"])[1]["CheckpointConfig"]
    assert not {"EnableManagedSpotTraining"} & (set(trial) | set(final))


def test_trainings_start_from_the_weights_of_the_settings(texts: dict[str, str]) -> None:
    for job, hyperparameters in zip(
        _trainings(texts["weights"]), ("StaticHyperParameters", "HyperParameters"), strict=True
    ):
        channels = {
            channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
            for channel in job["InputDataConfig"]
        }
        assert set(channels) == {"train", "validation", "pretrained"}
        assert channels["pretrained"] == WEIGHTS
        # As a hyperparameter, the name is a flag: whether to start from pretrained weights.
        assert "pretrained" not in job[hyperparameters]

    def checkpoints(variant: str) -> list[Any]:
        address = _trainings(texts[variant])[1]["CheckpointConfig"]["S3Uri"]
        return list(address["Std:Join"]["Values"])

    # Other weights make another training, which must not resume from this one's epochs.
    *parts, weights, last = checkpoints("weights")
    assert [*parts, last] == checkpoints("aws")
    # A job gets all objects with its prefix, so no address may be a prefix of another.
    assert last == "last"
    assert len(weights) == 8
    final = _trainings(texts["aws"])[1]
    names = [channel["ChannelName"] for channel in final["InputDataConfig"]]
    assert names == ["train", "validation"]


def test_trainings_from_random_weights_get_no_channel_of_weights(texts: dict[str, str]) -> None:
    for job, hyperparameters in zip(
        _trainings(texts["random"]), ("StaticHyperParameters", "HyperParameters"), strict=True
    ):
        assert job[hyperparameters]["pretrained"] == "false"
        names = {channel["ChannelName"] for channel in job["InputDataConfig"]}
        assert names == {"train", "validation"}


def test_a_version_has_all_that_its_promotion_needs(by_name: dict[str, dict[str, Any]]) -> None:
    package = by_name["Register"]["Arguments"]
    facts = package["CustomerMetadataProperties"]
    assert facts["endpoint_name"] == {"Get": "Parameters.EndpointName"}
    assert facts["instance_type"] == {"Get": "Parameters.InferenceInstanceType"}
    container = package["InferenceSpecification"]["Containers"][0]
    assert container["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"
    assert json.loads(package["ModelCard"]["ModelCardContent"])["intended_uses"]
    assert by_name["Deploy"]["FunctionArn"].endswith(":function:tally-promote")


def test_every_job_has_the_network_and_the_key_of_the_settings(texts: dict[str, str]) -> None:
    """The SDK's own defaults would reach Tune not at all, and Train in part."""
    steps = {one["Name"]: one for one in json.loads(texts["secured"])["Steps"]}
    vpc = {"Subnets": ["subnet-0a1b", "subnet-0a1c"], "SecurityGroupIds": ["sg-0a1b"]}
    tune = steps["Tune"]["Arguments"]["TrainingJobDefinition"]
    for job in (tune, steps["Train"]["Arguments"]):
        assert job["VpcConfig"] == vpc
        assert job["EnableNetworkIsolation"] is True
        assert job["OutputDataConfig"]["KmsKeyId"] == KEY
        assert job["ResourceConfig"]["VolumeKmsKeyId"] == KEY
    for name in ("Prepare", "Evaluate"):
        job = steps[name]["Arguments"]
        assert job["NetworkConfig"]["VpcConfig"] == vpc
        # Prepare fetches the images itself.
        assert job["NetworkConfig"].get("EnableNetworkIsolation", False) is (name == "Evaluate")
        assert job["ProcessingOutputConfig"]["KmsKeyId"] == KEY
        assert job["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == KEY


def test_a_disk_that_is_part_of_the_instance_gets_no_key(texts: dict[str, str]) -> None:
    """SageMaker refuses it for ml.g4dn, ml.g5 and others, whose disks are encrypted anyway."""
    steps = {one["Name"]: one for one in json.loads(texts["local-disk"])["Steps"]}
    for job in (
        steps["Tune"]["Arguments"]["TrainingJobDefinition"],
        steps["Train"]["Arguments"],
    ):
        assert "VolumeKmsKeyId" not in job["ResourceConfig"]
        assert job["OutputDataConfig"]["KmsKeyId"] == KEY
    prepare = steps["Prepare"]["Arguments"]["ProcessingResources"]["ClusterConfig"]
    assert prepare["VolumeKmsKeyId"] == KEY


def test_without_security_settings_no_job_names_a_network_or_a_key(texts: dict[str, str]) -> None:
    for variant in ("aws", "local"):
        for name in ("VpcConfig", "EnableNetworkIsolation", "KmsKey"):
            assert name not in texts[variant], name
