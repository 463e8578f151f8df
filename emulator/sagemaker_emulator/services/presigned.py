"""Addresses of this server that whoever has them may use, without a key, for some time."""

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sagemaker_emulator.aws.context import Context


def address(context: Context, service: str, path: str, seconds: int) -> str:
    """A presigned address to GET.

    Args:
        context: The server.
        service: What it is signed for.
        path: With its query.
        seconds: For how long it may be used; a week at most.
    """
    client = context.client_environment
    credentials = Credentials(client["AWS_ACCESS_KEY_ID"], client["AWS_SECRET_ACCESS_KEY"])
    request = AWSRequest("GET", context.url + path)
    SigV4QueryAuth(credentials, service, context.region, expires=seconds).add_auth(request)
    return str(request.url)
