"""A Lambda function for tests, as CreateFunction takes it."""

import io
import zipfile
from typing import Any

HANDLER = """
import json, os, time, boto3
def handler(event, context):
    print("called", os.environ.get("WHO"), context.function_name)
    if event.get("fail"):
        raise ValueError("as asked")
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("exit"):
        os._exit(3)
    if event.get("write"):
        boto3.client("s3").put_object(Bucket="lambda-events", Key=event["write"], Body=b"x")
    if "detail" in event:
        key = event["detail"]["ModelPackageArn"].replace(":", "-") + "/" + event["id"] + ".json"
        boto3.client("s3").put_object(Bucket="lambda-events", Key=key, Body=json.dumps(event))
    return {"got": event, "left": context.get_remaining_time_in_millis() > 0}
"""


def archive(source: Any = HANDLER) -> Any:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr("function/main.py", source)
    return packed.getvalue()


def function_request(name: str, source: str = HANDLER, **more: Any) -> Any:
    """The members of CreateFunction for a function of this source."""
    return {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Role": "arn:aws:iam::123456789012:role/emulator",
        "Handler": "function.main.handler",
        "Code": {"ZipFile": archive(source)},
        **more,
    }
