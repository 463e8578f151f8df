"""The image's `train`: AWS's contract of script mode, run as a process without torch."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.steps.containers.tally_training.script_mode_job import IMAGE, job, run, tarball

SCRIPT = """
import json, os, sys
import beside
print("arguments", json.dumps(sys.argv[1:]))
print("variables", json.dumps({k: v for k, v in os.environ.items() if k.startswith("SM_")}))
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write(beside.WORD)
"""


def told(result: subprocess.CompletedProcess[str], what: str) -> Any:
    line = next(line for line in result.stdout.splitlines() if line.startswith(what))
    return json.loads(line.removeprefix(what))


@pytest.mark.parametrize(
    ("program", "quoted"), [("train.py", "plain"), ('"train.py"', "json")], ids=["plain", "json"]
)
def test_the_script_gets_its_arguments_variables_and_modules(
    tmp_path: Path, program: str, quoted: str
) -> None:
    source = tarball(tmp_path / "s.tar.gz", {"train.py": SCRIPT, "beside.py": "WORD = 'kept'"})
    value = '"a b"' if quoted == "json" else "a b"
    root = job(
        tmp_path / "opt",
        {
            "sagemaker_program": program,
            "sagemaker_submit_directory": str(source),
            "lr": "0.01",
            "batch-size": '"32"',  # as a tuner quotes a categorical choice
            "name": value,
            "debug": "true",
        },
        channels=("train", "validation"),
    )

    result = run(root)

    assert result.returncode == 0, result.stderr
    assert told(result, "arguments") == [
        "--batch-size", "32", "--debug", "True", "--lr", "0.01", "--name", "a b"
    ]  # fmt: skip
    variables = told(result, "variables")
    assert variables["SM_CHANNEL_TRAIN"] == str(root / "input" / "data" / "train")
    assert json.loads(variables["SM_CHANNELS"]) == ["train", "validation"]
    assert json.loads(variables["SM_HPS"]) == {
        "batch-size": "32", "debug": True, "lr": 0.01, "name": "a b"
    }  # fmt: skip
    assert json.loads(variables["SM_USER_ARGS"]) == told(result, "arguments")
    assert json.loads(variables["SM_HOSTS"]) == ["algo-1"]
    assert variables["SM_CURRENT_HOST"] == "algo-1"
    assert variables["SM_OUTPUT_DATA_DIR"] == str(root / "output" / "data")
    assert int(variables["SM_NUM_CPUS"]) >= 1
    assert variables["SM_USER_ENTRY_POINT"] == "train.py"
    assert (root / "model" / "model.txt").read_text() == "kept"
    assert not (root / "output" / "failure").exists()


def test_variables_name_all_hosts_and_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As torch's launcher will start a process on each, the variables are looked at here."""
    monkeypatch.syspath_prepend(IMAGE)
    import script_mode
    import script_variables

    root = job(tmp_path / "opt", {"sagemaker_program": "train.py", "lr": "0.1"})
    resources = {
        "current_host": "algo-2",
        "current_instance_type": "ml.g5.xlarge",
        "hosts": ["algo-1", "algo-2"],
        "network_interface_name": "eth1",
    }
    (root / "input" / "config" / "resourceconfig.json").write_text(json.dumps(resources))

    found = script_variables.variables(root, script_mode.read_hyperparameters(root))

    assert json.loads(found["SM_HOSTS"]) == ["algo-1", "algo-2"]
    assert found["SM_CURRENT_HOST"] == "algo-2"
    assert found["SM_CURRENT_INSTANCE_TYPE"] == "ml.g5.xlarge"
    assert found["SM_NETWORK_INTERFACE_NAME"] == "eth1"
    assert json.loads(found["SM_RESOURCE_CONFIG"]) == resources
    assert found["SM_HP_LR"] == "0.1"


@pytest.mark.parametrize(
    ("text", "code", "failure"),
    [
        ("raise ValueError('no bins today')", 1, "t.py failed with ValueError: no bins today"),
        ("import sys; sys.exit(3)", 3, "t.py ended with exit code 3; see the job's log"),
        ("import sys; sys.exit('too few bins')", 1, "too few bins"),
        ("1 +", 1, "t.py failed with SyntaxError"),
        (
            "import os, sys\nopen(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('mine')\n"
            "sys.exit(1)",
            1,
            "mine",
        ),
        ("import sys; sys.exit(0)", 0, None),
    ],
    ids=["exception", "code", "message", "syntax", "script-wrote-it", "success"],
)
def test_the_job_ends_as_the_script_ends(
    tmp_path: Path, text: str, code: int, failure: str | None
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "t.py").write_text(text)
    hyperparameters = {
        "sagemaker_program": "t.py",
        "sagemaker_submit_directory": str(tmp_path / "code"),
    }
    root = job(tmp_path / "opt", hyperparameters)

    result = run(root)

    assert result.returncode == code, result.stderr
    written = root / "output" / "failure"
    assert (written.read_text() if written.exists() else None) == failure or (
        failure is not None and written.read_text().startswith(failure)
    )
    assert ("Traceback" in result.stderr) == (failure is not None and " failed with " in failure)


@pytest.mark.parametrize(
    ("hyperparameters", "says"),
    [
        ({}, "sagemaker_program is missing"),
        *(
            ({"sagemaker_program": name}, f"sagemaker_program {name!r} is no path in the code")
            for name in ("../x.py", "/x.py", "-m", "a;b.sh", "$(x).py", "a/./b.py", "x y.py")
        ),
        ({"sagemaker_program": "x.py"}, "sagemaker_program 'x.py' is not in"),
        (
            {"sagemaker_program": "x.py", "sagemaker_submit_directory": "/nowhere/s.tar.gz"},
            "/nowhere/s.tar.gz does not exist",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_job_that_cannot_run_reports_why_in_one_line(
    tmp_path: Path, hyperparameters: dict[str, object], says: str
) -> None:
    root = job(tmp_path / "opt", hyperparameters)

    result = run(root)

    assert result.returncode == 1
    assert says in result.stderr
    assert says in (root / "output" / "failure").read_text()
    assert "Traceback" not in result.stderr


def test_the_script_runs_in_its_folder_beside_all_of_the_code(tmp_path: Path) -> None:
    """A script in a folder of the code finds files and modules where AWS's toolkit has them."""
    text = (
        "import os, subprocess, sys, beside, near\n"
        "print(open('words.txt').read(), beside.WORD, near.WORD, os.path.basename(os.getcwd()))\n"
        "subprocess.run([sys.executable, '-c', 'import beside; print(beside.WORD)'], check=True)\n"
    )
    source = tarball(
        tmp_path / "s.tar.gz",
        {
            "folder/t.py": text, "folder/near.py": "WORD = 'near'", "beside.py": "WORD = 'beside'",
            "words.txt": "words",
        },
    )  # fmt: skip
    hyperparameters = {
        "sagemaker_program": "folder/t.py",
        "sagemaker_submit_directory": str(source),
    }

    result = run(job(tmp_path / "opt", hyperparameters))

    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-2:] == ["words beside near code", "beside"]


def test_a_program_that_is_no_python_script_is_run(tmp_path: Path) -> None:
    text = '#!/bin/sh\necho "$SM_MODULE_NAME: $*"\nexit 3\n'
    source = tarball(tmp_path / "s.tar.gz", {"train.sh": text})
    hyperparameters = {
        "sagemaker_program": "train.sh",
        "sagemaker_submit_directory": str(source),
        "x": '"a  b"',
    }

    result = run(job(tmp_path / "opt", hyperparameters))

    assert (result.returncode, result.stdout.splitlines()[-1]) == (3, "train.sh: -x a  b")


@pytest.mark.parametrize(
    ("resources", "reserved", "expected"),
    [
        ({}, {"sagemaker_processes_per_host": 1}, []),
        (
            {}, {"sagemaker_processes_per_host": 4},
            ["--nnodes=1", "--nproc-per-node=4", "--standalone"],
        ),
        (
            {"hosts": ["algo-2", "algo-1"], "current_host": "algo-2"},
            {"sagemaker_processes_per_host": 2},
            [
                "--nnodes=2", "--nproc-per-node=2", "--node-rank=1", "--master-addr=algo-1",
                "--master-port=29500",
            ],
        ),
    ],
    ids=["one", "one-host", "two-hosts"],
)  # fmt: skip
def test_a_process_is_started_for_each_gpu_of_each_host(
    monkeypatch: pytest.MonkeyPatch,
    resources: dict[str, object],
    reserved: dict[str, object],
    expected: list[object] | list[str],
) -> None:
    monkeypatch.syspath_prepend(IMAGE)
    import script_mode

    assert script_mode.launcher(resources, reserved) == expected
