"""The SageMaker SDK's own integration tests: which, and how they are run.

They expect an AWS account; the emulator's environment is one. Each part has an emulator of its own.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

import sagemaker_emulator
from suites import environments
from suites.account import shell
from suites.sdk_containers import write_images
from suites.sources import Source

_HERE = Path(__file__).parent
_REPOSITORY = "https://github.com/aws/sagemaker-python-sdk"
_REGION = ((r"\bus-west-2\b", "us-east-1"),)
# Beside the tests, what they build the SDK from.
_BUILT = ("src", "pyproject.toml", "hatch_build.py", "VERSION", "README.rst", "requirements")
_V2 = Source(_REPOSITORY, "v2.257.6", ("tests", *_BUILT), _REGION)
_V3 = Source(
    _REPOSITORY,
    "v3.20.0",
    ("tests", *(f"sagemaker-{part}/tests" for part in ("core", "mlops", "serve", "train"))),
    _REGION,
)
# What the tests import beside the SDK; without frameworks of gigabytes, whose tests are not run.
_TESTING = ("pytest<9", "pytest-timeout", "pytest-xdist", "mock", "setuptools<72", "docker")
_PACKAGES = {
    _V2: (
        *("sagemaker==2.257.6", *_TESTING, "awslogs", "contextlib2", "stopit"),
        *("scikit-learn", "nbformat", "pyvis", "beautifulsoup4", "sagemaker-experiments", "build"),
    ),
    _V3: (
        *("sagemaker==3.20.0", "sagemaker-core==2.20.0"),
        *(f"sagemaker-{part}==1.20.0" for part in ("mlops", "serve", "train")),
        *(*_TESTING, "scikit-learn", "torch", "build"),
    ),
}
# What the tests' own images have.
_IN_IMAGES = {_V2: "sagemaker==2.257.6", _V3: "sagemaker-core==2.20.0"}
_ALIASES = (
    "SageMakerTestKMSKey",
    *(
        f"integ-test-processing-{of}-us-east-1"
        for of in (
            *("input-kms-key", "volume-kms-key", "output-kms-key"),
            *("volume-kms-key-updated", "output-kms-key-updated"),
        )
    ),
)


@dataclass(frozen=True)
class Part:
    """Some of the tests.

    Attributes:
        source: The SDK's version.
        folder: Where pytest runs, below the copy.
        tests: What it runs.
    """

    source: Source
    folder: str
    tests: tuple[str, ...]

    @property
    def environment(self) -> str:
        """The name of the virtual environment that the part runs in."""
        return f"sdk-{self.source.revision.split('.')[0]}"

    @property
    def images(self) -> str:
        """The name of the folder of the tests' own images."""
        return f"{self.environment}-images"


def _workflow(*names: str) -> Part:
    folder = "tests/integ/sagemaker/workflow"
    return Part(_V2, ".", tuple(f"{folder}/test_{name}.py" for name in names))


def _jobs(*names: str) -> Part:
    return Part(_V2, ".", tuple(f"tests/integ/test_{name}.py" for name in names))


PARTS = {
    "v2-steps": _workflow(
        *("automl_steps", "callback_steps", "clarify_check_steps", "emr_steps", "experiment"),
        *("fail_steps", "lambda_steps"),
    ),
    "v2-registration": _workflow("model_create_and_registration", "model_steps"),
    "v2-checks": _workflow("monitor_batch_transform_step", "quality_check_steps"),
    "v2-notebook-steps": _workflow("notebook_job_step"),
    "v2-processing-steps": _workflow("pipeline_var_behaviors", "processing_steps", "retry"),
    "v2-training-steps": _workflow("training_steps", "triggers", "tuning_steps"),
    "v2-functions": _workflow("step_decorator"),
    "v2-pipelines": _workflow(
        *("selective_execution", "workflow", "workflow_with_clarify", "zimmer_lineage_step")
    ),
    "v2-registry": _jobs("model_package"),
    "v2-processing": _jobs("processing"),
    "v2-session": _jobs("session", "s3", "record_set"),
    "v2-training": _jobs("sklearn", "xgboost", "tuner"),
    "v2-transform": _jobs("transformer"),
    "v2-remote": Part(_V2, ".", ("tests/integ/sagemaker/remote_function",)),
    "v2-experiments": Part(_V2, ".", ("tests/integ/sagemaker/experiments",)),
    "v2-lineage": Part(_V2, ".", ("tests/integ/sagemaker/lineage",)),
    "v3-pipelines": Part(_V3, "sagemaker-mlops", ("tests/integ/workflow",)),
    "v3-jobs": Part(
        _V3,
        "sagemaker-mlops",
        tuple(
            f"tests/integ/test_{name}.py"
            for name in (
                *("check_step_kms_propagation", "clarify", "hyperparameter_tuning"),
                *("mlflow_integration", "model_registry", "processing_job_sklearn"),
                *("pytorch_processing", "transform_job"),
            )
        ),
    ),
    "v3-remote": Part(_V3, "sagemaker-core", ("tests/integ/remote_function",)),
    "v3-serve": Part(
        _V3,
        "sagemaker-serve",
        tuple(
            f"tests/integ/test_{name}_integration.py"
            for name in ("in_process", "passthrough_source_code_repack", "train_inference_e2e")
        ),
    ),
    "v3-train": Part(_V3, "sagemaker-train", ("tests/integ/train/test_model_trainer.py",)),
}


def prepare(part: Part, cache: Path, clone: Path | None) -> Path:
    """Fetch a part's tests and make its environment; return the folder to run them in.

    Raises:
        SourceError: One of both cannot be had.
    """
    folder = part.source.fetch(cache, clone)
    # The SDK's default image of remote functions is for Python 3.8 and 3.10 only.
    python = environments.make(cache / part.environment, _PACKAGES[part.source], "3.10")
    write_images(cache / part.images, python, _IN_IMAGES[part.source])
    return folder / part.folder


def run(name: str, folder: Path, cache: Path, results: Path, arguments: list[str]) -> None:
    """Run a part's tests; how each ended is written to the file of results."""
    part = PARTS[name]
    state = cache / "states" / f"sdk-{name}"
    sagemaker_emulator.reset(state=state)
    server = sagemaker_emulator.up(state=state, images=cache / part.images)
    try:
        _make_account(server)
        variables = shell(state)
        paths = (variables["PYTHONPATH"], str(_HERE.parent), str(folder))
        environment = {
            **os.environ,
            **variables,
            "PATH": os.pathsep.join((str(cache / part.environment / "bin"), os.environ["PATH"])),
            "PYTHONPATH": os.pathsep.join(paths),
            "SUITE_RESULTS": str(results),
            "SUITE_REASONS": str(_HERE / "reasons" / "sdk.txt"),
        }
        python = str(cache / part.environment / "bin" / "python")
        # Most of a test's time is its sleep between two looks at a job.
        command = [python, "-m", "pytest", "-q", "--tb=short", "--timeout=900", "-n", "4"]
        command += ["-p", "suites.outcomes", "-p", "suites.sdk_containers"]
        command += ["-p", "no:cacheprovider", *part.tests, *arguments]
        with results.with_suffix(".log").open("w") as log:
            subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log)
    finally:
        sagemaker_emulator.down(state=state)


def _make_account(server: sagemaker_emulator.Server) -> None:
    """Make what the SDK's tests expect in an account: a role, a key, two buckets.

    The tests make the key, too, where it is not there, but not two of them at a time.

    With a default prefix, as the tests have one, the SDK looks into the bucket before it has made
    it, and ends with the NoSuchBucket that AWS answers, too.
    """
    iam, kms, s3 = (_client(server, service) for service in ("iam", "kms", "s3"))
    trust = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
        '"Principal": {"Service": ["sagemaker.amazonaws.com", "lambda.amazonaws.com"]}}]}'
    )
    iam.create_role(RoleName="SageMakerRole", AssumeRolePolicyDocument=trust)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for alias in _ALIASES:
        kms.create_alias(AliasName=f"alias/{alias}", TargetKeyId=key)
    for bucket in ("sagemaker", "sagemaker-custom-bucket"):
        s3.create_bucket(Bucket=f"{bucket}-us-east-1-123456789012")


def _client(server: sagemaker_emulator.Server, service: str) -> Any:
    environment = server["environment"]
    client: Any = boto3.client  # whose types know the services by literal names only
    return client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"] if service == "s3" else server["url"],
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
