"""The address of a queue, by which SQS's operations name it."""

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services import aws_calls


def url_of(context: Context, arn: str) -> str:
    """The QueueUrl of a queue's ARN; it waits for moto, so not in a transaction.

    Raises:
        ApiError: There is no such queue.
        ValueError: It is no ARN.
    """
    account, name = arn.split(":")[4:6]
    found = aws_calls.call(
        context, "sqs", "GetQueueUrl", QueueName=name, QueueOwnerAWSAccountId=account
    )
    return str(found["QueueUrl"])
