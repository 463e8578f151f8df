"""The hosts of a job: how many, of which type and group, and under which addresses.

Contract: SageMaker developer guide, "Distributed Training Configuration" (resourceconfig.json) and
"How Amazon SageMaker Processing Configures Your Processing Container".
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagemaker_emulator.containers.sandbox import LOOPBACK
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.jobs.kinds import PROCESSING, TRAINING, JobKind
from sagemaker_emulator.storage.store import Document

MOST = 20  # instances of one job: each is a process of this one machine
ONE_GROUP = "homogeneousCluster"  # the group of all hosts where the request has no groups


@dataclass(frozen=True)
class Host:
    """One host of a job.

    Attributes:
        name: `algo-1`, and so on.
        instance_type: as the request has it.
        group: the name of its instance group.
    """

    name: str
    instance_type: str
    group: str


def hosts_of(kind: JobKind, request: Mapping[str, Any]) -> tuple[Host, ...]:
    """The hosts of a job, in the order of their numbers; a transform job has one.

    Args:
        kind: the job's kind.
        request: its Create request.
    """
    if kind == TRAINING:
        resources = request.get("ResourceConfig", {})
    elif kind == PROCESSING:
        resources = request.get("ProcessingResources", {}).get("ClusterConfig", {})
    else:
        resources = {}
    one = {**resources, "InstanceGroupName": ONE_GROUP}
    kinds = [
        (group.get("InstanceType", "local"), group["InstanceGroupName"])
        for group in resources.get("InstanceGroups") or [one]
        for _ in range(group.get("InstanceCount", 1))
    ]
    return tuple(Host(f"algo-{i}", *kind) for i, kind in enumerate(kinds, 1))


def problem(resources: Mapping[str, Any], where: str) -> str:
    """Why no job can have these resources, or an empty string.

    Args:
        resources: a ResourceConfig or a ClusterConfig.
        where: its place in the request.

    Raises:
        ApiError: ResourceLimitExceeded, as AWS answers beyond an account's quota.
    """
    groups = resources.get("InstanceGroups") or []
    if groups and ("InstanceCount" in resources or "InstanceType" in resources):
        return f"{where}: InstanceGroups cannot be combined with InstanceCount or InstanceType."
    names = [group["InstanceGroupName"] for group in groups]
    if len(set(names)) < len(names):
        return f"{where}.InstanceGroups: the names must differ, and are {', '.join(names)}."
    count = sum(group.get("InstanceCount", 1) for group in groups or [resources])
    if count > MOST:
        raise ApiError(
            "ResourceLimitExceeded",
            f"{where}: the job asks for {count} instances, and the emulator runs at most {MOST} "
            "for one job, each as a process of this machine. Lower the InstanceCount.",
        )
    return "" if count else f"{where}: there is no instance; InstanceCount must be at least 1."


def addresses(hosts: Sequence[Host], folder: Path) -> Mapping[str, str]:
    """The address of each host's name, on this machine's loopback.

    Each host of a larger job has one of its own, so that all can listen on the same port, and so
    has each job of each emulator.

    Args:
        hosts: the job's.
        folder: the job's folder, from which the addresses are derived.
    """
    if len(hosts) == 1:
        return {hosts[0].name: LOOPBACK}
    number = zlib.crc32(str(folder).encode())
    network = f"127.{1 + number % 254}.{(number >> 8) % 256}"
    return {host.name: f"{network}.{i}" for i, host in enumerate(hosts, 1)}


def resource_config(hosts: Sequence[Host], current: Host) -> Document:
    """The content of a host's resourceconfig.json."""
    groups: dict[str, Document] = {}
    for host in hosts:
        group = groups.setdefault(
            host.group,
            {
                "instance_group_name": host.group,
                "instance_type": host.instance_type,
                "hosts": [],
            },
        )
        group["hosts"].append(host.name)
    return {
        "current_host": current.name,
        "current_instance_type": current.instance_type,
        "current_group_name": current.group,
        "hosts": [host.name for host in hosts],
        "instance_groups": list(groups.values()),
        "network_interface_name": "lo",
    }
