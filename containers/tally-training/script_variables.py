"""What a script gets in script mode: its arguments and the `SM_*` variables.

To the letter what AWS's toolkit gives it, `mapping.py` and `environment.py` in
https://github.com/aws/sagemaker-training-toolkit.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

# The hyperparameters of script mode and of the service, which the script does not get.
PREFIX = "sagemaker_"
TUNING = "_tuning_objective_metric"
# Those of them that are not in SM_FRAMEWORK_PARAMS.
OWN = frozenset({
    "sagemaker_program", "sagemaker_submit_directory", "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region", "sagemaker_container_log_level", "sagemaker_job_name",
    "default_user_module_name", TUNING, "sagemaker_s3_output",
})  # fmt: skip
# Of SM_FRAMEWORK_PARAMS, those that distribute the training over the hosts of a group.
DISTRIBUTION = (
    "sagemaker_mpi_enabled", "sagemaker_parameter_server_enabled",
    "sagemaker_distributed_dataparallel_enabled", "sagemaker_pytorch_ddp_enabled",
    "sagemaker_pytorch_xla_multi_worker_enabled",
    "sagemaker_multi_worker_mirrored_strategy_enabled", "sagemaker_torch_distributed_enabled",
)  # fmt: skip
GROUP = "homogeneousCluster"


def split(hyperparameters: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The hyperparameters that the script gets, and those that it does not."""
    reserved = {
        name: value
        for name, value in hyperparameters.items()
        if name in OWN or name.startswith(PREFIX)
    }
    return {n: v for n, v in hyperparameters.items() if n not in reserved}, reserved


def program_of(hyperparameters: dict[str, Any]) -> str:
    """The script's name, of the variable before the hyperparameter; may be empty."""
    named = os.environ.get("SAGEMAKER_PROGRAM") or hyperparameters.get("sagemaker_program")
    return str(named or "")


def variables(root: Path, hyperparameters: dict[str, Any]) -> dict[str, str]:
    """The variables of the script: `SM_*`, and three that AWS sets beside them.

    Args:
        root: /opt/ml, or its replacement.
        hyperparameters: all of them, decoded.
    """
    passed, reserved = split(hyperparameters)
    environment = training_environment(root, passed, reserved)
    values = {name: environment[key] for name, key in _NAMES.items()}
    values |= {name: environment[name] for name in _SAME_NAMES}
    values["channels"] = sorted(environment["channel_input_dirs"])
    values["training_env"] = environment
    values["user_args"] = arguments(passed)
    if environment["topology"]:
        values["topology"] = environment["topology"]
    for name, path in environment["channel_input_dirs"].items():
        values[f"channel_{name}"] = path
    for name, value in passed.items():
        values[f"hp_{name}"] = value
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return {
        **{f"SM_{name.upper()}": _text(value) for name, value in values.items()},
        "SAGEMAKER_JOB_NAME": str(reserved.get("sagemaker_job_name", "")),
        "SAGEMAKER_REGION": str(reserved.get("sagemaker_region", region) or ""),
        "CURRENT_HOST": str(environment["current_host"]),
    }


# The names of variables, and of what SM_TRAINING_ENV has under another name.
_NAMES = {"hps": "hyperparameters", "framework_params": "additional_framework_parameters"}
_SAME_NAMES = (
    "hosts", "network_interface_name", "user_entry_point", "resource_config", "input_data_config",
    "output_data_dir", "current_host", "current_instance_type", "current_instance_group",
    "current_instance_group_hosts", "instance_groups", "instance_groups_dict",
    "distribution_instance_groups", "is_hetero", "module_name", "log_level", "framework_module",
    "input_dir", "input_config_dir", "output_dir", "num_cpus", "num_gpus", "num_neurons",
    "model_dir", "module_dir", "output_intermediate_dir",
)  # fmt: skip


def training_environment(
    root: Path, passed: dict[str, Any], reserved: dict[str, Any]
) -> dict[str, Any]:
    """What SM_TRAINING_ENV holds: the properties of AWS's `Environment`.

    Args:
        root: /opt/ml, or its replacement.
        passed: hyperparameters of the script.
        reserved: hyperparameters of script mode.
    """
    resources = configuration(root, "resourceconfig.json")
    channels = configuration(root, "inputdataconfig.json")
    hosts = resources.get("hosts", ["algo-1"])
    current = resources.get("current_host", hosts[0])
    program = program_of(reserved)
    framework = {name: value for name, value in reserved.items() if name not in OWN}
    group = resources.get("current_group_name", GROUP)
    groups = {entry["instance_group_name"]: entry for entry in resources.get("instance_groups", [])}
    distributed = framework.get(
        "sagemaker_distribution_instance_groups",
        [group] if any(framework.get(name) for name in DISTRIBUTION) else [],
    )
    distributed_hosts = [
        host for name, entry in groups.items() if name in distributed for host in entry["hosts"]
    ]
    if not groups:
        distributed_hosts = list(hosts)
    master = (distributed_hosts or hosts)[0]
    parallel = os.environ.get("SM_HP_MP_PARAMETERS")
    return {
        "additional_framework_parameters": framework,
        "channel_input_dirs": {name: str(root / "input" / "data" / name) for name in channels},
        "current_host": current,
        "current_instance_group": group,
        "current_instance_group_hosts": groups.get(group, {}).get("hosts", []),
        "current_instance_type": resources.get("current_instance_type", "local"),
        "distribution_hosts": distributed_hosts,
        "distribution_instance_groups": distributed,
        "framework_module": os.environ.get("SAGEMAKER_TRAINING_MODULE"),
        "hosts": hosts,
        "hyperparameters": passed,
        "input_config_dir": str(root / "input" / "config"),
        "input_data_config": channels,
        "input_dir": str(root / "input"),
        "instance_groups": list(groups),
        "instance_groups_dict": groups,
        "is_hetero": len(groups) > 1,
        "is_master": current == master,
        "is_modelparallel_enabled": parallel and parallel != "{}",
        "is_smddpmprun_installed": shutil.which("smddpmprun") is not None,
        "is_smddprun_installed": shutil.which("smddprun") is not None,
        "job_name": os.environ.get("TRAINING_JOB_NAME"),
        "log_level": reserved.get("sagemaker_container_log_level", 20),
        "master_hostname": master,
        "model_dir": str(root / "model"),
        "module_dir": str(reserved.get("sagemaker_submit_directory", root / "code")),
        "module_name": program.removesuffix(".py"),
        "network_interface_name": resources.get("network_interface_name", "eth0"),
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": gpus(),
        "num_neurons": 0,
        "output_data_dir": str(root / "output" / "data"),
        "output_dir": str(root / "output"),
        "output_intermediate_dir": str(root / "output" / "intermediate"),
        "resource_config": resources,
        "topology": resources.get("topology", []),
        "user_entry_point": program,
    }


def arguments(hyperparameters: dict[str, Any]) -> list[str]:
    """`--name value` for each hyperparameter, sorted by name; `-n value` for a name of one letter.

    Values are as Python's `str` has them: `True`, `[1, 2]`. None is empty, and an object is
    `key=value,key=value`.
    """
    return [
        part
        for name, value in sorted(hyperparameters.items())
        for part in ((f"--{name}" if len(name) > 1 else f"-{name}" if name else ""), _word(value))
    ]


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={item}" for name, item in sorted(value.items()))
    return "" if value is None else str(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def configuration(root: Path, name: str) -> dict[str, Any]:
    """A file of the job's configuration; empty where it is missing."""
    file = root / "input" / "config" / name
    content: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    return content


def gpus() -> int:
    """How many GPUs the container has."""
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
