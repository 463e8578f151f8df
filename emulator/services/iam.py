"""IAM's policy simulation, which moto lacks: whether a role may do something.

Permissions are not checked here, so whoever asks is told what holds here: every action is allowed.
"""

import uuid
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
_ACTIONS = ("SimulatePrincipalPolicy", "SimulateCustomPolicy")


def simulation(body: bytes) -> str | None:
    """The answer to a simulation, IAM's XML; None where the request is for something else.

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
