"""boto3 clients of the server itself, for what the pages cannot call without HTTP."""

import functools
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.console.pages import context_of

# A model has a minute for its response.
_READ_SECONDS = 70


def client(request: Request, service: str) -> Any:
    """The client of the server of a request; threads share it.

    Args:
        request: The browser's request.
        service: boto3's name of a service other than S3: cloudwatch, sagemaker-runtime.
    """
    return _client(context_of(request), service)


@functools.lru_cache(8)
def _client(context: Context, service: str) -> Any:
    import boto3
    from botocore.config import Config

    make: Any = boto3.session.Session(
        aws_access_key_id=context.credentials.access_key_id,
        aws_secret_access_key=context.credentials.secret_access_key,
        region_name=context.region,
    ).client  # its overloads are for literal names
    return make(
        service,
        endpoint_url=context.url,
        config=Config(
            max_pool_connections=40,
            read_timeout=_READ_SECONDS,
            retries={"total_max_attempts": 1},  # an invocation must not be sent twice
        ),
    )
