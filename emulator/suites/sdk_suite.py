"""The SageMaker SDK's own integration tests: which, and how they are run.

They expect an AWS account; the emulator's environment is one. Each part has an emulator of its own.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import boto3

import sagemaker_emulator
from suites import environments
from suites.account import shell
from suites.sources import Source

_HERE = Path(__file__).parent
_REPOSITORY = "https://github.com/aws/sagemaker-python-sdk"
_REGION = ((r"\bus-west-2\b", "us-east-1"),)
_V2 = Source(_REPOSITORY, "v2.257.6", ("tests",), _REGION)
_V3 = Source(
    _REPOSITORY,
    "v3.20.0",
    ("tests", *(f"sagemaker-{part}/tests" for part in ("core", "mlops", "serve", "train"))),
    _REGION,
)
# What the tests import beside the SDK; without frameworks of gigabytes, whose tests are not run.
_TESTING = ("pytest<9", "pytest-timeout", "mock", "setuptools<72")
_PACKAGES = {
    _V2: (
        *("sagemaker==2.257.6", *_TESTING, "awslogs", "contextlib2", "stopit"),
        *("scikit-learn", "nbformat"),
    ),
    _V3: ("sagemaker>=3.20,<4", *_TESTING, "scikit-learn", "torch"),
}


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


PARTS = {
    "v2-steps": Part(
        _V2,
        ".",
        tuple(
            f"tests/integ/sagemaker/workflow/test_{name}.py"
            for name in (
                *("automl_steps", "callback_steps", "clarify_check_steps", "emr_steps"),
                *("experiment", "fail_steps", "lambda_steps"),
            )
        ),
    ),
    "v2-pipelines": Part(_V2, ".", ("tests/integ/sagemaker/workflow",)),  # all, for hours
    "v2-registry": Part(_V2, ".", ("tests/integ/test_model_package.py",)),
    "v2-jobs": Part(
        _V2,
        ".",
        tuple(
            f"tests/integ/test_{name}.py"
            for name in (
                "processing",
                "sklearn",
                "xgboost",
                "tuner",
                "transformer",
                "session",
                "s3",
            )
        ),
    ),
    "v2-experiments": Part(_V2, ".", ("tests/integ/sagemaker/experiments",)),
    "v2-lineage": Part(_V2, ".", ("tests/integ/sagemaker/lineage",)),
    "v3-pipelines": Part(_V3, "sagemaker-mlops", ("tests/integ/workflow",)),
    "v3-jobs": Part(
        _V3,
        "sagemaker-mlops",
        tuple(
            f"tests/integ/test_{name}.py"
            for name in (
                "hyperparameter_tuning",
                "model_registry",
                "processing_job_sklearn",
                "pytorch_processing",
                "transform_job",
            )
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
    environments.make(cache / part.environment, _PACKAGES[part.source])
    return folder / part.folder


def run(name: str, folder: Path, cache: Path, results: Path, arguments: list[str]) -> None:
    """Run a part's tests; how each ended is written to the file of results."""
    part = PARTS[name]
    state = cache / "states" / f"sdk-{name}"
    sagemaker_emulator.reset(state=state)
    server = sagemaker_emulator.up(state=state, images=_HERE.parent / "tests" / "images")
    try:
        _make_role(server)
        variables = shell(state)
        paths = (variables["PYTHONPATH"], str(_HERE.parent), str(folder))
        environment = {
            **os.environ,
            **variables,
            "PYTHONPATH": os.pathsep.join(paths),
            "SUITE_RESULTS": str(results),
            "SUITE_REASONS": str(_HERE / "reasons" / "sdk.txt"),
        }
        python = str(cache / part.environment / "bin" / "python")
        command = [python, "-m", "pytest", "-q", "--tb=short", "--timeout=300"]
        command += ["-p", "suites.outcomes", "-p", "no:cacheprovider", *part.tests, *arguments]
        with results.with_suffix(".log").open("w") as log:
            subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log)
    finally:
        sagemaker_emulator.down(state=state)


def _make_role(server: sagemaker_emulator.Server) -> None:
    """Make the role that the SDK's tests expect in an account."""
    environment = server["environment"]
    iam = boto3.client(
        "iam",
        endpoint_url=server["url"],
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    trust = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
        '"Principal": {"Service": ["sagemaker.amazonaws.com", "lambda.amazonaws.com"]}}]}'
    )
    iam.create_role(RoleName="SageMakerRole", AssumeRolePolicyDocument=trust)
