"""`interrupt JOB`: take a managed spot training job's instances away."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sagemaker_emulator.errors import EmulatorError
from sagemaker_emulator.sagemaker.jobs.interruption import PATH


def interrupt(environment: Mapping[str, str], name: str) -> None:
    """Ask the server to interrupt a training job.

    Args:
        environment: The variables of the server's clients.
        name: The job's name.

    Raises:
        EmulatorError: There is no such job, it cannot be interrupted now, or the server has
            stopped.
    """
    url = environment["AWS_ENDPOINT_URL"] + PATH.format(quote(name, safe=""))
    signed = AWSRequest("POST", url)
    keys = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(keys, "sagemaker", environment["AWS_REGION"]).add_auth(signed)
    request = urllib.request.Request(url, headers=dict(signed.headers), method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30):
            pass
    except urllib.error.HTTPError as error:
        raise EmulatorError(_message(error.read())) from None
    except OSError as error:
        raise EmulatorError(f"the server does not respond any more: {error}") from None


def _message(body: bytes) -> str:
    found = json.loads(body)
    return str(found.get("message") or found.get("Message"))
