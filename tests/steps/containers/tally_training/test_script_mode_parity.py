"""The script gets the arguments and the `SM_*` variables that AWS's own toolkit gives it.

`sagemaker_training.json` holds what the package `sagemaker-training` (5.1.4) made of each case.
Where the package is installed, it is asked again; `python test_script_mode_parity.py` records anew.
It is no requirement of the tests, as it must be compiled and brings scipy and gevent.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

IMAGE = Path(__file__).parents[4] / "containers" / "tally-training"
RECORDED = Path(__file__).with_name("sagemaker_training.json")
# The machine's, not the job's.
MACHINE = (
    *("num_cpus", "num_gpus", "num_neurons"),
    *("is_smddprun_installed", "is_smddpmprun_installed"),
)
ONE_HOST = {
    "current_host": "algo-1",
    "hosts": ["algo-1"],
    "current_instance_type": "ml.m5.large",
    "current_group_name": "homogeneousCluster",
    "instance_groups": [
        {
            "instance_group_name": "homogeneousCluster",
            "instance_type": "ml.m5.large",
            "hosts": ["algo-1"],
        }
    ],
    "network_interface_name": "lo",
}
TWO_GROUPS = {
    "current_host": "algo-2",
    "hosts": ["algo-1", "algo-2", "algo-3"],
    "current_instance_type": "ml.g5.xlarge",
    "current_group_name": "gpus",
    "instance_groups": [
        {"instance_group_name": "cpus", "instance_type": "ml.m5.large", "hosts": ["algo-1"]},
        {
            "instance_group_name": "gpus",
            "instance_type": "ml.g5.xlarge",
            "hosts": ["algo-2", "algo-3"],
        },
    ],
    "topology": [{"hostName": "algo-1", "capacityUnitId": "c"}],
}
PROGRAM = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": '"s3://b/s.tar.gz"'}
# Hyperparameters as the service writes them, and what may differ from the usual beside them.
CASES: dict[str, dict[str, Any]] = {
    "json": {
        "hyperparameters": {
            **PROGRAM, "lr": "0.01", "epochs": "3", "debug": "true", "quiet": "false",
            "nothing": "null", "words": '"a b"', "quotes": '"say \\"hi\\" it\'s"', "empty": '""',
            "list": '[1, "two", 3.5, null, true]', "object": '{"b": [true], "a": 1, "c": null}',
            "tiny": "1e-05", "whole": "1.0", "large": "12345678901234567890", "accent": '"\\u00e9"',
            "twice": '"\\"32\\""', "batch-size": '"32"', "empty-list": "[]", "empty-object": "{}",
        }
    },
    "text": {
        "hyperparameters": {
            "sagemaker_program": "folder/train.py", "plain": "resnet18", "path": "/opt/ml/x",
            "spaces": "  x  y ", "empty": "", "true": "True", "none": "None", "dash": "--x",
            "single": "'quoted'", "dollar": "$HOME;`id`", "line": "a\nb", "cut": "[1, 2",
            "accent": "é", "equals": "a=b,c=d",
        }
    },
    "numbers": {
        "hyperparameters": {**PROGRAM, "not": "NaN", "infinite": "1e400", "minus": "-0", "n": 5}
    },
    "names": {
        "hyperparameters": {
            **PROGRAM, "x": "1", "y": '"b"', "Z": "2", "UPPER": "3", "with.dot": "4", "é": "5",
            "a-b": "6", "a_b": "7", "aa": "8", "10": "9",
        }
    },
    "reserved": {
        "hyperparameters": {
            **PROGRAM, "_tuning_objective_metric": '"loss"', "_tuning_other": "1",
            "sagemaker_region": '"eu-west-1"', "sagemaker_job_name": '"job"',
            "sagemaker_container_log_level": "10", "sagemaker_enable_cloudwatch_metrics": "false",
            "sagemaker_s3_output": '"s3://b/o"', "default_user_module_name": '"m"',
            "sagemaker_instance_type": '"ml.m5.large"',
            "sagemaker_parameter_server_enabled": "true",
            "sagemakerish": "1",
        }
    },
    "channels": {
        "hyperparameters": PROGRAM,
        "channels": {
            "train-1": {"TrainingInputMode": "File", "ContentType": "image/jpeg"},
            "Validation": {"TrainingInputMode": "File"},
        },
    },
    "groups": {
        "hyperparameters": {**PROGRAM, "sagemaker_torch_distributed_enabled": "true"},
        "resources": TWO_GROUPS,
    },
    "chosen groups": {
        "hyperparameters": {**PROGRAM, "sagemaker_distribution_instance_groups": '["cpus"]'},
        "resources": TWO_GROUPS,
    },
    "bare": {
        "hyperparameters": PROGRAM,
        "resources": {"current_host": "algo-1", "hosts": ["algo-1"]},
    },
    "variables": {
        "hyperparameters": {"sagemaker_program": '"other.py"'},
        "environment": {
            "SAGEMAKER_PROGRAM": "train.sh", "TRAINING_JOB_NAME": "job",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/elsewhere",
        },
    },
}  # fmt: skip
ASK_AWS = """
import json
from sagemaker_training import environment
found = environment.Environment()
print(json.dumps([found.to_cmd_args(), found.to_env_vars()]))
"""
ASK_OURS = """
import json, os, pathlib, script_mode, script_variables
root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
found = script_mode.read_hyperparameters(root)
variables = script_variables.variables(root, found)
print(json.dumps([script_variables.arguments(script_variables.split(found)[0]),
    {name: value for name, value in variables.items() if name.startswith("SM_")}]))
"""


def result(root: Path, case: dict[str, Any], program: str, search: str = "") -> dict[str, Any]:
    """What a program makes of a case, without what differs between machines and folders."""
    config = root / "input" / "config"
    config.mkdir(parents=True)
    channels = case.get("channels", {"train": {"TrainingInputMode": "File"}})
    (config / "hyperparameters.json").write_text(json.dumps(case["hyperparameters"]))
    (config / "inputdataconfig.json").write_text(json.dumps(channels))
    (config / "resourceconfig.json").write_text(json.dumps(case.get("resources", ONE_HOST)))
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SM_", "SAGEMAKER_", "AWS_", "TRAINING_"))
    }
    search = os.pathsep.join(filter(None, (search, clean.get("PYTHONPATH"))))
    environment = clean | {"SAGEMAKER_BASE_DIR": str(root), "PYTHONPATH": search}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | case.get("environment", {}),
        capture_output=True,
        text=True,
        check=True,
    )
    arguments, variables = json.loads(done.stdout.splitlines()[-1])
    environment = json.loads(variables["SM_TRAINING_ENV"])
    for name in MACHINE:
        variables.pop(f"SM_{name.upper()}", None)
        environment.pop(name)
    variables["SM_TRAINING_ENV"] = json.dumps(environment, sort_keys=True, separators=(",", ":"))
    variables = {name: value.replace(str(root), "{root}") for name, value in variables.items()}
    return {"arguments": arguments, "variables": variables}


@pytest.mark.parametrize("name", CASES)
def test_script_gets_what_awss_toolkit_gives_it(tmp_path: Path, name: str) -> None:
    recorded = json.loads(RECORDED.read_text())
    assert result(tmp_path, CASES[name], ASK_OURS, str(IMAGE)) == recorded[name]


@pytest.mark.parametrize("name", CASES)
def test_recorded_values_are_those_of_awss_toolkit(tmp_path: Path, name: str) -> None:
    pytest.importorskip("sagemaker_training")
    recorded = json.loads(RECORDED.read_text())
    assert result(tmp_path, CASES[name], ASK_AWS) == recorded[name]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = {
            name: result(Path(folder, str(i)), case, ASK_AWS)
            for i, (name, case) in enumerate(CASES.items())
        }
    RECORDED.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
