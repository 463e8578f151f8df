"""The network and the key of what an endpoint or a transform job runs on (settings `security`)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from model_registry.errors import RegistryError

SECURITY: Final = "SECURITY"  # the environment variable with a `Security` as JSON
# Families with a disk of their own, such as g4dn, g5 and m5d. It is always encrypted in hardware,
# and SageMaker refuses a key for them.
LOCAL_DISK = re.compile(r"(g[5-9]|p[5-9]|trn)\w*|[a-z]+\d\w*d\w*")


@dataclass(frozen=True)
class Security:
    """Where a model runs, and by which key its disk is encrypted; by default AWS's own of all.

    Attributes:
        subnets: The subnets that the model's containers are in.
        security_groups: Their security groups.
        isolated: Whether the containers can reach nothing. Ours needs nothing: SageMaker brings
            the model, sends the requests and takes the log.
        kms_key: The key of the disks.
    """

    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()
    isolated: bool = False
    kms_key: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Security:
        """What `setup` has given to the function; AWS's own of all where it has given nothing."""
        return cls(**json.loads(environment.get(SECURITY) or "{}"))

    @property
    def of_model(self) -> dict[str, Any]:
        """The members of CreateModel; none that the settings do not ask for."""
        members: dict[str, Any] = {}
        if self.subnets:
            members["VpcConfig"] = {
                "Subnets": list(self.subnets),
                "SecurityGroupIds": list(self.security_groups),
            }
        if self.isolated:
            members["EnableNetworkIsolation"] = True
        return members

    def volume_key(self, instance_types: Iterable[str]) -> str:
        """The key of the disks of these instances; "" where SageMaker takes none.

        Args:
            instance_types: The types, such as ml.m5.large. One with a disk of its own is enough
                that SageMaker refuses a key; without any, nothing has a disk.
        """
        families = [type_.split(".")[1] for type_ in instance_types]
        if not families or any(LOCAL_DISK.fullmatch(family) for family in families):
            return ""
        return self.kms_key

    def applied(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """An endpoint configuration's settings with the key of its disks.

        Without a key of our own, one that somebody gave the endpoint stays.

        Raises:
            RegistryError: A variant is serverless, which has no network and no isolation.
        """
        variants = [
            *settings["ProductionVariants"],
            *settings.get("ShadowProductionVariants", ()),
        ]
        if self.of_model and any("ServerlessConfig" in one for one in variants):
            raise RegistryError(
                "A serverless endpoint can be in no network of yours and cannot be isolated, but "
                "the settings ask for it. Set security.subnets, security.security_groups and "
                "security.isolated back, or give the endpoint instances."
            )
        if not self.kms_key:
            return dict(settings)
        others = {key: value for key, value in settings.items() if key != "KmsKeyId"}
        key = self.volume_key(one["InstanceType"] for one in variants if "InstanceType" in one)
        return {**others, "KmsKeyId": key} if key else others
