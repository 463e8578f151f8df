"""AWS's managed IAM policies, such as AmazonSageMakerFullAccess, as moto ships them.

moto loads them at its import or not at all. They take half a second and 20 MB, so they are loaded
by the first request to IAM: an emulator that is asked for nothing of IAM stays small.
"""

import json
from urllib.parse import parse_qs

from sagemaker_emulator.errors import ApiError

_OWNER = "arn:aws:iam::aws:policy/"
_CHANGES = frozenset(
    {
        *("CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion"),
        *("SetDefaultPolicyVersion", "TagPolicy", "UntagPolicy"),
    }
)


def load(account: str) -> None:
    """Give moto's IAM of an account AWS's managed policies, unless it has them."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy, iam_backends
    from moto.moto_api._internal import mock_random

    backend = iam_backends[account]["aws"]
    if backend.aws_managed_policies:
        return
    mock_random.seed(0)  # their identifiers are the same after a restart
    backend.aws_managed_policies = [
        AWSManagedPolicy.from_data(name, account, backend.region_name, policy)
        for name, policy in json.loads(aws_managed_policies_data).items()
    ]
    managed = {policy.arn: policy for policy in backend.aws_managed_policies}
    backend.managed_policies = managed | backend.managed_policies


def refuse_change(body: bytes) -> None:
    """Refuse to change a policy of AWS, which moto would do.

    Args:
        body: a request of the query protocol: `Action=DeletePolicy&PolicyArn=...`.

    Raises:
        ApiError: `AccessDenied`, as AWS refuses it to everybody.
    """
    form = {key: values[0] for key, values in parse_qs(body.decode("latin-1")).items()}
    action, arn = form.get("Action", ""), form.get("PolicyArn", "")
    if action in _CHANGES and arn.startswith(_OWNER):
        message = (
            f"No caller is authorized to perform: iam:{action} on resource: policy {arn}, "
            "which is AWS's own. Create a policy of your own with its document and change that."
        )
        raise ApiError("AccessDenied", message, 403)
