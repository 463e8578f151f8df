"""Asynchronous endpoints, as boto3 and the SDK's AsyncPredictor use them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator
from endpoint_client import Hosting, variant_of
from waiting import wait_until

from sagemaker_emulator.sagemaker.endpoints import async_config

REGION, ACCOUNT = "us-east-1", "123456789012"


class Asynchronous(Hosting):
    """An asynchronous endpoint whose model says its word."""

    def __init__(self, emulator: Emulator, until: Callable[..., Any], name: str) -> None:
        super().__init__(emulator, until)
        self.name = name
        self.runtime = emulator.client("sagemaker-runtime")
        self.s3 = emulator.client("s3")
        self.sqs, self.sns = emulator.client("sqs"), emulator.client("sns")
        self.path = f"s3://{BUCKET}/{name}"

    def serve(self, word: str = "first", most: int = 4, **output: Any) -> None:
        paths = {"S3OutputPath": f"{self.path}/out/", "S3FailurePath": f"{self.path}/failed"}
        asynchronous = {
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": most},
            "OutputConfig": {**paths, **output},
        }
        self.model(self.name, word=word)
        self.config(self.name, {"AsyncInferenceConfig": asynchronous}, v=self.name)
        assert self.endpoint(self.name)["EndpointStatus"] == "InService"

    def topic(self, name: str) -> tuple[str, str]:
        """A topic, and the address of a queue that gets its messages as they are."""
        topic = self.sns.create_topic(Name=f"{self.name}-{name}")["TopicArn"]
        queue = self.sqs.create_queue(QueueName=f"{self.name}-{name}")["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}-{name}"
        raw = {"RawMessageDelivery": "true"}
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
        return topic, queue

    def message(self, queue: str) -> Any:
        received = self.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)
        (message,) = received["Messages"]
        return json.loads(message["Body"])

    def invoke(self, body: str = "hello", **more: Any) -> Any:
        self.s3.put_object(Bucket=BUCKET, Key=f"{self.name}/in/one", Body=body.encode())
        more = {"InputLocation": f"{self.path}/in/one", "ContentType": "text/plain", **more}
        return self.runtime.invoke_endpoint_async(EndpointName=self.name, **more)

    def get(self, uri: str) -> Any:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        found: list[Any] = []

        def look() -> bool:
            try:
                found.append(self.s3.get_object(Bucket=bucket, Key=key))
            except self.s3.exceptions.NoSuchKey:
                return False
            return True

        wait_until(look, 30)
        return found[0]


@pytest.fixture
def served(emulator: Emulator, until: Callable[..., Any], name: str) -> Any:
    made = Asynchronous(emulator, until, name)
    yield made
    for endpoint in made.sagemaker.list_endpoints(NameContains=name)["Endpoints"]:
        made.sagemaker.delete_endpoint(EndpointName=endpoint["EndpointName"])


def test_response_is_written_to_s3_and_told(served: Asynchronous) -> None:
    topic, queue = served.topic("ok")
    include = ["SUCCESS_NOTIFICATION_TOPIC"]
    told = {"SuccessTopic": topic, "IncludeInferenceResponseIn": include}
    served.serve(NotificationConfig=told)
    described = served.sagemaker.describe_endpoint(EndpointName=served.name)
    output = described["AsyncInferenceConfig"]["OutputConfig"]
    assert output["NotificationConfig"]["SuccessTopic"] == topic

    accepted = served.invoke(Accept="application/json", InferenceId="mine", CustomAttributes="x=1")
    assert accepted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert accepted["InferenceId"] == "mine"
    assert accepted["OutputLocation"].startswith(f"{served.path}/out/")
    assert accepted["FailureLocation"].startswith(f"{served.path}/failed/")

    response = served.get(accepted["OutputLocation"])
    body = response["Body"].read()
    asked = json.loads(body)
    assert response["ContentType"] == "application/json"
    assert (asked["word"], asked["body"], asked["content_type"]) == ("first", "hello", "text/plain")
    assert (asked["accept"], asked["attributes"]) == ("application/json", "x=1")

    message = served.message(queue)
    assert message["responseBody"] == {"content": body.decode(), "encoding": "UTF-8"}
    assert message["eventTime"] >= message["receivedTime"]
    assert {
        key: message[key] for key in message if not key.endswith("Time") and key != "responseBody"
    } == {
        "awsRegion": REGION,
        "invocationStatus": "Completed",
        "requestParameters": {
            "accept": "application/json",
            "contentType": "text/plain",
            "customAttributes": "x=1",
            "endpointName": served.name,
            "inputLocation": f"{served.path}/in/one",
        },
        "responseParameters": {
            "contentType": "application/json",
            "outputLocation": accepted["OutputLocation"],
        },
        "inferenceId": "mine",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def test_failure_is_written_to_its_path_and_told(served: Asynchronous) -> None:
    topic, queue = served.topic("failed")
    served.serve(NotificationConfig={"ErrorTopic": topic})
    accepted = served.invoke("refuse")
    failure = served.get(accepted["FailureLocation"])
    assert failure["Body"].read() == b"not a picture"
    message = served.message(queue)
    assert message["invocationStatus"] == "Failed"
    assert "Received client error (415) from primary" in message["failureReason"]

    accepted = served.invoke(InputLocation=f"{served.path}/in/nothing")
    text = served.get(accepted["FailureLocation"])["Body"].read().decode()
    assert text == f"The input {served.path}/in/nothing does not exist."


def test_body_and_name_of_the_output_may_be_in_the_request(served: Asynchronous) -> None:
    served.serve()
    accepted = served.runtime.invoke_endpoint_async(
        EndpointName=served.name, Body=b"inline", Filename="mine.json", S3OutputPathExtension="a/b"
    )
    assert accepted["OutputLocation"] == f"{served.path}/out/a/b/mine.json"
    asked = json.load(served.get(accepted["OutputLocation"])["Body"])
    assert asked["body"] == "inline"
    with pytest.raises(ClientError, match="exactly one of InputLocation and Body"):
        served.invoke(Body=b"inline")
    with pytest.raises(ClientError, match="asynchronous; invoke it with InvokeEndpointAsync"):
        served.runtime.invoke_endpoint(EndpointName=served.name, Body=b"x")
    with pytest.raises(ClientError, match=r"InputLocation: .*is not a bucket's name"):
        served.invoke(InputLocation="s3://Bucket/x")


def test_queue_survives_a_killed_server(
    own_emulator: Callable[..., Emulator], until: Callable[..., Any], name: str
) -> None:
    server = own_emulator()
    assert server.up().returncode == 0
    server.client("s3").create_bucket(Bucket=BUCKET)
    served = Asynchronous(server, until, name)
    served.serve(most=1)
    locations = [served.invoke("sleep")["OutputLocation"] for _ in range(4)]
    server.kill()
    assert server.up().returncode == 0
    again = Asynchronous(server, until, name)
    assert [again.get(uri)["Body"].read() for uri in locations] == [b"first"] * 4


def test_content_type_is_that_of_the_object_without_one(served: Asynchronous) -> None:
    served.serve()
    served.s3.put_object(
        Bucket=BUCKET, Key=f"{served.name}/in/two", Body=b"1,2", ContentType="text/csv"
    )
    location = {"EndpointName": served.name, "InputLocation": f"{served.path}/in/two"}
    for more, kind in (({}, "text/csv"), ({"ContentType": "text/plain"}, "text/plain")):
        accepted = served.runtime.invoke_endpoint_async(**location, **more)
        asked = json.load(served.get(accepted["OutputLocation"])["Body"])
        assert asked["content_type"] == kind


def test_requests_that_wait_are_dropped_with_their_endpoint(
    served: Asynchronous, emulator: Emulator
) -> None:
    served.serve(most=1)
    last = [served.invoke("sleep") for _ in range(8)][-1]
    served.sagemaker.delete_endpoint(EndpointName=served.name)
    with pytest.raises(ClientError, match="not found"):
        served.invoke()
    key = last["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    listed = served.s3.list_objects_v2(Bucket=BUCKET, Prefix=key)
    assert listed["KeyCount"] == 0


def test_other_endpoints_are_not_asynchronous(served: Asynchronous) -> None:
    served.model(served.name, word="first")
    served.config(served.name, v=served.name)
    served.endpoint(served.name)
    with pytest.raises(ClientError, match="is not asynchronous; invoke it with InvokeEndpoint"):
        served.invoke()


@pytest.mark.parametrize(
    ("output", "settings", "problem"),
    [
        ({}, {}, "the emulator needs S3OutputPath"),
        ({"S3OutputPath": "s3://B/x"}, {}, "OutputConfig.S3OutputPath: .*not a bucket's name"),
        (
            {"S3OutputPath": "s3://bucket/x"},
            {"ShadowProductionVariants": [variant_of("s", "m")]},
            "cannot have ShadowProductionVariants",
        ),
    ],
)
def test_configurations_that_cannot_be_are_refused(
    served: Asynchronous, output: Any, settings: Any, problem: str
) -> None:
    settings = {"AsyncInferenceConfig": {"OutputConfig": output}, **settings}
    with pytest.raises(ClientError, match=problem):
        served.config(served.name, settings, v="m")


def test_concurrency_is_that_of_all_instances() -> None:
    config = {
        "ProductionVariants": [variant_of("v", "m", InitialInstanceCount=3)],
        "AsyncInferenceConfig": {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2}},
    }
    assert async_config.concurrency(config) == 6
