"""moto's own tests: which, and how they are run."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from suites.sources import Source, SourceError

# moto's folder of tests by the name that the service has there.
SERVICES = (
    "sagemaker",
    "logs",
    "events",
    "awslambda",
    "scheduler",
    "applicationautoscaling",
    "sagemakerruntime",
    "sagemakermetrics",
)
# China and GovCloud are other partitions, in which ARNs are others.
_REGION = r"\b(us|eu|ap|ca|sa|me|af|il|mx)-(north|south|east|west|central)(east|west)?-\d\b"
_DEFINITION = (
    '{"Version": "2020-12-01", "Steps": '
    '[{"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "end"}}]}'
)
_CONTAINER = 'PrimaryContainer={"Image": "plain"}'
SOURCE = Source(
    "https://github.com/getmoto/moto",
    "5.2.3",
    ("tests", "setup.cfg"),
    (
        (_REGION, "us-east-1"),
        # What AWS refuses, so that the rest of the test means something.
        (r"arn:aws:sagemaker:us-east-1:0{12}:x-x/", "arn:aws:iam::123456789012:role/"),
        (r'"RoleArn": "n/a"', '"RoleArn": "arn:aws:iam::123456789012:role/emulator"'),
        (r'"Arn": "not supported yet"', '"Arn": "arn:aws:sqs:us-east-1:123456789012:queue"'),
        (r'"some cron( \*)?"', '"rate(5 minutes)"'),
        (r'("MaximumWindowInMinutes": \d+,\s+"Mode": )"OFF"', r'\1"FLEXIBLE"'),
        (r"s3://MyBucket\b", "s3://my-bucket"),
        (r'DEMO-breast-cancer-prediction/"', 'DEMO-breast-cancer-prediction"'),
        (r'((?i:pipeline_?definition)"?[:=] ?)" "', rf"\1'{_DEFINITION}'"),
        (r'"some-pipeline-definition"', f"'{_DEFINITION}'"),
        # Algorithms of AWS's whose code is not public.
        (
            r"\b\d{12}(\.dkr\.ecr\.[\w.-]+)/(factorization-machines|linear-learner):1",
            r"123456789012\1/plain:1",
        ),
        (r"(ExecutionRoleArn=\S+,)(\s+VpcConfig=)", rf"\1 {_CONTAINER},\2"),
    ),
)
_HERE = Path(__file__).parent
_PACKAGES = ("freezegun==1.5.5", "pytest-order==1.5.0")


def prepare(cache: Path, clone: Path | None) -> Path:
    """Fetch the tests and what they import, and return the folder to run them in.

    Raises:
        SourceError: One of both cannot be had.
    """
    folder = SOURCE.fetch(cache, clone)
    packages = cache / "moto-packages"
    if not (packages / ".ready").exists():
        # Beside the environment, not in it; what they need is there already.
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"]
        command += ["--python", sys.executable, "--target", str(packages), *_PACKAGES]
        if subprocess.run(command).returncode:
            raise SourceError(f"{', '.join(_PACKAGES)} cannot be installed into {packages}")
        (packages / ".ready").touch()
    return folder


def _objects(folder: Path, service: str) -> Path:
    """The folder of the objects that a service's tests take for granted."""
    folder = folder / service
    folder.mkdir(parents=True, exist_ok=True)
    if service == "sagemaker":  # AWS wants a model's data and a job's input to be there
        inputs = folder / "my-bucket" / "sagemaker" / "DEMO-breast-cancer-prediction"
        for channel in ("train", "validation"):
            (inputs / channel).mkdir(parents=True, exist_ok=True)
            (inputs / channel / "data.csv").write_text("1\n")
        with tarfile.open(folder / "my-bucket" / "model.tar.gz", "w:gz"):
            pass
    return folder


def run(service: str, folder: Path, cache: Path, results: Path, arguments: list[str]) -> None:
    """Run a service's tests; how each ended is written to the file of results."""
    states = cache / "states" / service
    states.mkdir(parents=True, exist_ok=True)
    paths = (_HERE.parent, folder, cache / "moto-packages")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "SUITE_FOLDER": str(states),
        "SUITE_IMAGES": str(_HERE.parent / "tests" / "images"),
        "SUITE_OBJECTS": str(_objects(cache / "objects", service)),
        "SUITE_RESULTS": str(results),
        "SUITE_REASONS": str(_HERE / "reasons" / "moto.txt"),
    }
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "--timeout=120"]
    command += ["-p", "suites.outcomes", "-p", "suites.moto_plugin", "-p", "no:cacheprovider"]
    command += [f"tests/test_{service}", *arguments]
    with results.with_suffix(".log").open("w") as log:
        subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log)
