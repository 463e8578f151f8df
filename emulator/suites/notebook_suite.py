"""AWS's own notebooks: which, and how they are run.

Each runs whole, every cell as it is, in a fresh environment with the major version of the SageMaker
SDK that it was written for, against an emulator of its own. It passes if every cell does, and if
what it started in the emulator (jobs, executions, endpoints) and did not delete ends well.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boto3

import sagemaker_emulator
from suites import environments, notebook_data, notebook_ends
from suites.account import shell
from suites.outcomes import PASSES, ErrorResponse, Reasons, Result, classify
from suites.sources import Source

_HERE = Path(__file__).parent
# "An error occurred (Code) when calling the Operation operation (reached max retries: 4): message"
_ERROR = re.compile(
    r"An error occurred \((\w+)\) when calling the (\w+) operation[^:]*: (.*)", re.S
)
_SECONDS = 1800.0
_EXAMPLES = "https://github.com/aws/amazon-sagemaker-examples"
_EXAMPLES_COMMIT = "2d519b52c3a2c2361f2b87f0d3de46fd6c0232a5"
_SDK = "https://github.com/aws/sagemaker-python-sdk"
# Beside the SDK, what SageMaker Studio's environment has of what the notebooks import.
_STUDIO = ("nbclient", "ipykernel", "pip", "awscli", "pandas", "matplotlib", "scikit-learn")


@dataclass(frozen=True)
class Notebook:
    """One of AWS's notebooks.

    Attributes:
        source: The repository, and the folder that the notebook needs.
        path: The notebook in it.
        makes: How many of some kinds (`notebook_ends.KINDS`) it leaves, ended well. No more, as
            a step that is in the cache runs no job.
        fails: What fails by the notebook's own design, as a regular expression.
        packages: What it imports beside what Studio's environment has.
        python: The Python of its environment.
    """

    source: Source
    path: str
    makes: Mapping[str, int] = field(default_factory=dict)
    fails: str | None = None
    packages: tuple[str, ...] = ()
    python: str = "3.11"

    @property
    def sdk(self) -> str:
        """The requirement for the SDK: its second version for the older notebooks."""
        return "sagemaker<3" if self.source.repository == _EXAMPLES else f"sagemaker=={_sdk()}"


def _sdk() -> str:
    """The version of the SDK that this repository is tested with."""
    return version("sagemaker")


def _v3(path: str, *paths: str, **about: Any) -> Notebook:
    """A notebook of the SDK's own examples, with the files beside it that it needs."""
    root = "v3-examples"
    found = tuple(f"{root}/{each}" for each in (path, *paths))
    return Notebook(Source(_SDK, "v3.20.0", found), found[0], **about)


def _v2(folder: str, name: str, **about: Any) -> Notebook:
    """A notebook of the examples' repository, with its folder if it has one of its own."""
    file = f"{folder}/{name}.ipynb"
    parts = (file,) if folder.strip() in _SHARED else (folder,)
    return Notebook(Source(_EXAMPLES, _EXAMPLES_COMMIT, parts), file, **about)


# Names of folders there begin with blanks, so that they are listed in order.
_OPS, _BUILD, _DATA = "   ml_ops", "      build_and_train_models", "       prepare_data"
_SHARED = ("ml_ops", "build_and_train_models", "prepare_data")  # with many notebooks in each

NOTEBOOKS = {
    "v3-pipeline": _v3(
        "ml-ops-examples/v3-pipeline-train-create-registry.ipynb",
        makes={"execution": 1, "processing job": 1, "training job": 1, "model package": 1},
    ),
    "v3-registry": _v3(
        "ml-ops-examples/v3-model-registry-example/v3-model-registry-example.ipynb",
        "ml-ops-examples/v3-model-registry-example",
        makes={"model package": 2},
    ),
    "v3-processing": _v3(
        "ml-ops-examples/v3-processing-job-sklearn.ipynb", makes={"processing job": 1}
    ),
    "v3-transform": _v3(
        "ml-ops-examples/v3-transform-job-example.ipynb",
        "ml-ops-examples/data",
        makes={"transform job": 1},
    ),
    "v3-lineage": _v3("ml-ops-examples/v3-lineage-tracking-example.ipynb"),
    "v3-inference-pipeline": _v3(
        "inference-examples/inference-pipeline-modelbuilder-vs-core-example.ipynb",
        makes={"training job": 2},
    ),
    "v3-in-process": _v3("inference-examples/in-process-mode-example.ipynb"),
    "v3-hyperparameters": _v3(
        "training-examples/hyperparameter-training-example.ipynb", makes={"training job": 2}
    ),
    "v3-distributed": _v3(
        "training-examples/custom-distributed-training-example.ipynb", makes={"training job": 1}
    ),
    "v2-tuning-step": _v2(
        _OPS,
        "sm-pipelines_hyperparameter_tuning",
        makes={"execution": 1, "tuning job": 1, "training job": 3, "model package": 1},
    ),
    "v2-step-caching": _v2(
        f"{_OPS}/sm-pipelines_step_caching",
        "sm-pipelines_step_caching",
        makes={"execution": 3, "processing job": 2, "training job": 2},
    ),
    "v2-lambda-step": _v2(
        f"{_OPS}/sm-pipelines_lambda_step",
        "sm-pipelines_lambda_step",
        makes={"processing job": 2, "training job": 1},
    ),
    "v2-batch-transform": _v2(
        f"{_OPS}/sm-pipelines_preprocess_train_evaluate_batch_transform",
        "sm-pipelines_preprocess_train_evaluate_batch_transform",
        makes={"execution": 3, "training job": 3, "transform job": 3, "model package": 3},
    ),
    "v2-step-decorator": _v2(
        f"{_OPS}/sm-pipelines_step_decorator",
        "sm-pipelines_step_decorator",
        makes={"training job": 6},
        python="3.10",  # as the image is, in which the functions run
    ),
    "v2-step-decorator-condition": _v2(
        f"{_OPS}/sm-pipelines_step_decorator_with_condition_step",
        "sm-pipelines_step_decorator_with_condition_step",
        python="3.10",
        fails="execution .*step Fail: Model performance is not good enough",  # by a random number
    ),
    "v2-regression-xgboost": _v2(
        f"{_BUILD}/sm-regression_xgboost",
        "sm-regression_xgboost",
        makes={"tuning job": 1},
        # It tunes max_depth from 0, which XGBoost refuses with its exact method.
        fails=r"training job DEMO-xgboost-reg-.*exact tree method doesn't support unlimited depth",
    ),
    "v2-processing": _v2(_DATA, "sm-processing_introduction", makes={"processing job": 1}),
}


def run(name: str, cache: Path, clones: Sequence[Path]) -> Result:
    """Run a notebook, and return how it ended.

    Args:
        name: Its name in NOTEBOOKS.
        cache: What is fetched, environments, states and logs are kept in it.
        clones: Clones of the repositories that are there already; else they are made.

    Raises:
        SourceError: The notebook or its environment cannot be had.
    """
    notebook = NOTEBOOKS[name]
    print(f"{name}: {notebook.path.strip()}", flush=True)
    folder = cache / "notebooks" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    clone = notebook.source.clone_with(clones)
    files = notebook.source.fetch(cache / "clones", clone, folder / "files")
    packages = (notebook.sdk, *_STUDIO, *notebook.packages)
    environments.make(folder / "environment", packages, notebook.python)
    state = cache / "states" / f"notebooks-{name}"
    sagemaker_emulator.reset(state=state)
    sagemaker_emulator.up(state=state, images=_HERE.parent / "tests" / "images")
    try:
        return _run(name, notebook, files, shell(state))
    finally:
        sagemaker_emulator.down(state=state)


def session(variables: Mapping[str, str]) -> boto3.Session:
    """Clients with the keys and in the region of an emulator's variables."""
    return boto3.Session(
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_DEFAULT_REGION"],
    )


def _run(name: str, notebook: Notebook, files: Path, variables: Mapping[str, str]) -> Result:
    account = session(variables)
    notebook_data.put(account.client("s3", endpoint_url=variables["AWS_ENDPOINT_URL_S3"]))
    sagemaker = account.client("sagemaker", endpoint_url=variables["AWS_ENDPOINT_URL"])
    deadline = time.monotonic() + _SECONDS
    failure = _execute(name, notebook, files, variables)
    good, bad = notebook_ends.wait(sagemaker, 1 if failure else deadline - time.monotonic())
    return judge(name, notebook, failure, good, bad)


def _execute(
    name: str, notebook: Notebook, files: Path, variables: Mapping[str, str]
) -> dict[str, str] | None:
    """Run the cells; how one failed, if one did."""
    file = files / notebook.path
    environment = files.parent / "environment"
    python = environment / "bin" / "python"
    # Cells that upgrade the SDK stay within the major version that they are written for.
    limits = files.parent / "constraints.txt"
    limits.write_text(f"{notebook.sdk}\n")
    known = [sys.executable, "-m", "pip", "config", "get", "global.constraint"]
    done = subprocess.run(known, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    constraints = [str(limits), os.environ.get("PIP_CONSTRAINT") or done.stdout.strip()]
    process = subprocess.run(
        [
            str(python),
            "-W",
            "ignore",
            str(_HERE / "notebook_cells.py"),
            name,
            str(file),
            str(_SECONDS),
        ],
        cwd=file.parent,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
            **variables,
            "PATH": os.pathsep.join((str(environment / "bin"), os.environ["PATH"])),
            "VIRTUAL_ENV": str(environment),
            "PIP_CONSTRAINT": " ".join(filter(None, constraints)),
        },
    )
    about = file.with_suffix(".failure.json")
    if about.exists():
        failure: dict[str, str] = json.loads(about.read_text())
        return failure
    if process.returncode:
        # nbclient itself fails where a kernel is killed, as for want of memory.
        code = f"exit code {process.returncode}"
        return {"cell": "?", "error": "the kernel has ended", "message": code, "trace": ""}
    return None


def judge(
    name: str,
    notebook: Notebook,
    failure: Mapping[str, str] | None,
    good: Counter[str],
    bad: Sequence[str],
) -> Result:
    """How a notebook ended, by its cells and by what they started."""
    reasons = Reasons.read(_HERE / "reasons" / "notebooks.txt")
    others = [
        f"{kind}: {good[kind]} ended well instead of {count}"
        for kind, count in notebook.makes.items()
        if good[kind] != count
    ]
    bad = [each for each in bad if not notebook.fails or not re.search(notebook.fails, each)]
    errors = []
    if failure:
        why = f"cell {failure['cell']}: {failure['error']}: {failure['message']}"
        if found := _ERROR.search(failure["message"]):
            code, operation, message = found.groups()
            errors.append(ErrorResponse("aws", operation, code, message))
    elif bad or others:
        why = "; ".join([*bad, *others])
    else:
        return Result(name, PASSES)
    outcome, why = classify(name, "; ".join([why, *bad]) if failure else why, errors, reasons)
    return Result(name, outcome, why, [str(error) for error in errors])


def append(result: Result, file: Path) -> None:
    """Add a result to the file of a run."""
    with file.open("a") as lines:
        lines.write(json.dumps(asdict(result)) + "\n")
