"""Names of a stage's resources, and what ARNs and hosts have in a region's partition."""

import re
from functools import cache
from typing import Literal, get_args

from pipelines import NAME
from pipelines.errors import UserError

Stage = Literal["dev", "staging", "prod"]
STAGES: tuple[Stage, ...] = get_args(Stage)
GLOBAL_SERVICES = ("iam", "budgets")  # their ARNs have no region


class PlaceError(UserError):
    """A setting names another account or partition than the one that is signed in to."""


def base(stage: str) -> str:
    """What the names of a stage's resources begin with: `tally` for prod, else `tally-STAGE`."""
    return NAME if stage == "prod" else f"{NAME}-{stage}"


def belongs(stage: str, name: str) -> bool:
    """Whether something belongs to a stage by its name: `tally-dev-x` to dev, `tally-x` to prod.

    The function that promotes may use no other endpoints (infrastructure/tally.yaml).
    """
    others = [base(other) for other in STAGES if other not in (stage, "prod")]
    begins = re.compile(rf"{base(stage)}(-|$)").match
    return bool(begins(name)) and not any(f"{name}-".startswith(f"{other}-") for other in others)


def endpoints(stage: str) -> str:
    """The endpoints of a stage in words."""
    others = [f"{base(other)}..." for other in STAGES if other not in (stage, "prod")]
    besides = f", but not {' or '.join(others)}" if stage == "prod" else ""
    return (
        f"{base(stage)} or {base(stage)}-...{besides}, up to 63 letters, digits and hyphens "
        f"(stage {stage})"
    )


@cache
def partition(region: str) -> str:
    """The partition of a region: `aws`, `aws-cn`, `aws-us-gov`, ..."""
    import botocore.session

    return botocore.session.get_session().get_partition_for_region(region)


@cache
def dns_suffix(region: str) -> str:
    """The domain of a region's hosts: `amazonaws.com`, in China `amazonaws.com.cn`."""
    import botocore.session

    known = botocore.session.get_session().get_data("partitions")["partitions"]
    (outputs,) = [one["outputs"] for one in known if one["id"] == partition(region)]
    return str(outputs["dnsSuffix"])


def check_role(role: str, expected: str) -> None:
    """Refuse the ARN of a role that SageMaker cannot pass to a job here.

    Args:
        role: The ARN.
        expected: What the ARN of every role of this account begins with.

    Raises:
        PlaceError: The ARN names another account or partition, or is no role's.
    """
    if not re.fullmatch(rf"{re.escape(expected)}[\w+=,.@/-]+", role):
        raise PlaceError(
            f"The setting `role` is {role}, but a job here can only have a role of this account "
            f"and partition: {expected}NAME. Correct `role`, or sign in to the role's account."
        )
