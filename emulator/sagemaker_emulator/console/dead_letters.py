"""How many messages wait in a queue for dead letters."""

from starlette.requests import Request

from sagemaker_emulator.console.pages import context_of
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import aws_calls
from sagemaker_emulator.services.queues import addresses


def count(request: Request, arn: str) -> int | None:
    """The messages of the queue of an ARN; None for what is no queue, or not there."""
    if ":sqs:" not in arn:
        return None
    context = context_of(request)
    try:
        url = addresses.url_of(context, arn)
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = aws_calls.call(
            context, "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=names
        )["Attributes"]
    except ApiError:
        return None
    return sum(int(found[each]) for each in names)


def counts(request: Request, *arns: str) -> dict[str, int]:
    """The messages of these queues by their ARNs, without those that are not there."""
    found = {arn: count(request, arn) for arn in dict.fromkeys(arns) if arn}
    return {arn: number for arn, number in found.items() if number is not None}
