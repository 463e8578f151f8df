"""What moto lacks of IAM and STS: whether a role may do something, and who calls.

Permissions are not checked here, so every simulation returns that the action is allowed.
"""

import json
import re
import uuid
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from sagemaker_emulator.credentials import Credentials

_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
_ACTIONS = ("SimulatePrincipalPolicy", "SimulateCustomPolicy")

# Who calls with the state's key pair; SageMaker may assume it, so it serves as execution role.
ROLE = "emulator"


def become_role(account: str, region: str, credentials: Credentials) -> None:
    """Make the state's key pair a role's in a fresh moto; the SDK's default is that role."""
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    trust = {
        "Effect": "Allow",
        "Principal": {"Service": ["sagemaker.amazonaws.com", "lambda.amazonaws.com"]},
        "Action": "sts:AssumeRole",
    }
    role = iam_backends[account]["aws"].create_role(
        role_name=ROLE,
        assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        path="/",
        permissions_boundary=None,
        description="Whoever calls the emulator.",
        tags=[],
        max_session_duration="3600",
    )
    session = sts_backends[account]["aws"].assume_role(region, ROLE, role.arn, "", 3600, "")
    session.access_key_id = credentials.access_key_id


def simulation(body: bytes) -> str | None:
    """The response to a simulation, as IAM's XML; None where the request is for something else.

    Args:
        body: a request of the query protocol: `Action=...&ActionNames.member.1=...`.
    """
    request = {key: values[0] for key, values in parse_qs(body.decode("latin-1")).items()}
    action = request.get("Action", "")
    if action not in _ACTIONS:
        return None
    resource = request.get("ResourceArns.member.1", "*")
    results = "".join(
        f"<member><EvalActionName>{escape(name)}</EvalActionName>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
        "<EvalDecision>allowed</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
        for key, name in request.items()
        if key.startswith("ActionNames.member.")
    )
    return (
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>'
        f"<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>"
        f"</{action}Result><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId>"
        f"</ResponseMetadata></{action}Response>"
    )


def usable(xml: bytes, credentials: Credentials) -> bytes:
    """The response of STS with the state's key pair in place of temporary keys drawn by moto.

    There are no other keys that requests may be signed with, and every caller is one role.
    """
    keys = {
        b"AccessKeyId": credentials.access_key_id.encode(),
        b"SecretAccessKey": credentials.secret_access_key.encode(),
    }
    for tag, value in keys.items():
        # The keys are letters, digits, - and _: nothing that a replacement would read.
        xml = re.sub(b"(?<=<%s>)[^<]*(?=</%s>)" % (tag, tag), value, xml)
    return xml
