"""Models of several containers: chained, or invoked one by one."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator
from endpoint_client import IMAGE, ROLE, Hosting, packed, variant_of
from transform_batch import GROUP, Batch


class Pipelines(Hosting):
    """Models whose containers each say the word that they have."""

    def __init__(self, emulator: Emulator, until: Callable[..., Any], name: str) -> None:
        super().__init__(emulator, until)
        self.name, self.emulator = name, emulator
        self.runtime = emulator.client("sagemaker-runtime")
        self.s3 = emulator.client("s3")

    def container(self, word: str, **changes: Any) -> dict[str, Any]:
        key = f"{self.name}/{word}/model.tar.gz"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=packed(word))
        return {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{key}", **changes}

    def create(self, containers: list[dict[str, Any]], mode: str = "") -> None:
        more = {"InferenceExecutionConfig": {"Mode": mode}} if mode else {}
        self.sagemaker.create_model(
            ModelName=self.name, ExecutionRoleArn=ROLE, Containers=containers, **more
        )

    def serve(self) -> Any:
        self.config(self.name, v=self.name)
        return self.endpoint(self.name)

    def invoke(self, body: str, **more: Any) -> Any:
        answer = self.runtime.invoke_endpoint(
            **{"EndpointName": self.name, "Body": body, "ContentType": "text/plain", **more}
        )
        return json.load(answer["Body"])


@pytest.fixture
def pipelines(emulator: Emulator, until: Callable[..., Any], name: str) -> Any:
    made = Pipelines(emulator, until, name)
    yield made
    listed = made.sagemaker.list_endpoints(NameContains=name)["Endpoints"]
    for endpoint in listed:
        made.sagemaker.delete_endpoint(EndpointName=endpoint["EndpointName"])


def test_response_of_a_container_is_the_request_of_the_next(
    pipelines: Pipelines, emulator: Emulator
) -> None:
    pipelines.create([pipelines.container("first"), pipelines.container("second")])
    endpoint = pipelines.serve()
    images = endpoint["ProductionVariants"][0]["DeployedImages"]
    assert [image["SpecifiedImage"] for image in images] == [IMAGE, IMAGE]

    last = pipelines.invoke("hello", Accept="text/csv", CustomAttributes="mine")
    first = json.loads(last["body"])
    assert (first["word"], first["body"], first["content_type"]) == (
        "first",
        "hello",
        "text/plain",
    )
    assert (last["word"], last["content_type"]) == ("second", "application/json")
    assert (first["accept"], last["accept"]) == ("*/*", "text/csv")
    assert first["attributes"] == last["attributes"] == "mine"

    streams = emulator.client("logs").describe_log_streams(
        logGroupName=f"/aws/sagemaker/Endpoints/{pipelines.name}"
    )["logStreams"]
    assert {stream["logStreamName"].split("/")[2] for stream in streams} == {
        "container-1",
        "container-2",
    }


def test_failure_names_the_container(pipelines: Pipelines) -> None:
    broken = pipelines.container("broken", ContainerHostname="scorer")
    pipelines.create([pipelines.container("first", ContainerHostname="encoder"), broken])
    assert pipelines.serve()["EndpointStatus"] == "InService"
    with pytest.raises(ClientError, match=r"server error \(500\) from scorer with message"):
        pipelines.invoke("hello")
    with pytest.raises(ClientError, match=r"client error \(415\) from encoder with message"):
        pipelines.invoke("refuse")


def test_container_that_does_not_start_ends_the_others(pipelines: Pipelines) -> None:
    pipelines.create([pipelines.container("first"), pipelines.container("crash")])
    failed = pipelines.serve()
    assert failed["EndpointStatus"] == "Failed"
    assert failed["FailureReason"].startswith("The container-2 container for production variant v")


def test_package_of_two_containers_is_served_by_both(pipelines: Pipelines) -> None:
    types = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
    containers = [pipelines.container("first"), pipelines.container("second")]
    arn = pipelines.sagemaker.create_model_package(
        ModelPackageName=pipelines.name, InferenceSpecification={"Containers": containers, **types}
    )["ModelPackageArn"]
    pipelines.create([{"ModelPackageName": arn}])
    pipelines.serve()
    last = pipelines.invoke("hello")
    assert (last["word"], json.loads(last["body"])["word"]) == ("second", "first")


def test_direct_invocation_goes_to_the_named_container(pipelines: Pipelines) -> None:
    names = ("one", "two")
    containers = [pipelines.container(name, ContainerHostname=name) for name in names]
    pipelines.create(containers, mode="Direct")
    pipelines.serve()
    for name in names:
        told = pipelines.invoke("hello", TargetContainerHostname=name)
        assert (told["word"], told["body"]) == (name, "hello")
    with pytest.raises(ClientError, match=r"Hostname is missing.*Its containers are one, two"):
        pipelines.invoke("hello")
    with pytest.raises(ClientError, match=r"TargetContainerHostname three does not exist"):
        pipelines.invoke("hello", TargetContainerHostname="three")
    with pytest.raises(ClientError, match="create a model of the container"):
        pipelines.sagemaker.create_transform_job(
            TransformJobName=pipelines.name,
            ModelName=pipelines.name,
            TransformInput={
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in"}
                }
            },
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )


def test_target_is_refused_where_containers_are_chained(pipelines: Pipelines) -> None:
    pipelines.create([pipelines.container("first")])
    pipelines.serve()
    with pytest.raises(ClientError, match="not configured for direct invocation"):
        pipelines.invoke("hello", TargetContainerHostname="first")


def test_containers_that_cannot_be_told_apart_are_refused(pipelines: Pipelines) -> None:
    one = pipelines.container("one", ContainerHostname="one")
    unnamed = pipelines.container("two")
    with pytest.raises(ClientError, match="every container needs a ContainerHostname where one"):
        pipelines.create([one, unnamed])
    with pytest.raises(ClientError, match="every container needs a ContainerHostname in the Mode"):
        pipelines.create([unnamed, unnamed], mode="Direct")
    with pytest.raises(ClientError, match="each ContainerHostname must differ"):
        pipelines.create([one, one])
    with pytest.raises(ClientError, match="needs more than one container"):
        pipelines.create([one], mode="Direct")
    with pytest.raises(ClientError, match="either a PrimaryContainer or Containers"):
        pipelines.sagemaker.create_model(
            ModelName=pipelines.name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer=one,
            Containers=[one, one],
        )


def test_pipeline_cannot_be_serverless(pipelines: Pipelines) -> None:
    pipelines.create([pipelines.container("first"), pipelines.container("second")])
    variant = variant_of("v", pipelines.name)
    del variant["InitialInstanceCount"], variant["InstanceType"]
    variant["ServerlessConfig"] = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    with pytest.raises(ClientError, match="serverless endpoints cannot have an inference pipeline"):
        pipelines.sagemaker.create_endpoint_config(
            EndpointConfigName=pipelines.name, ProductionVariants=[variant]
        )


def test_transform_job_chains_the_containers(
    pipelines: Pipelines, batch: Batch, emulator: Emulator
) -> None:
    pipelines.create([pipelines.container("first"), pipelines.container("second")])
    batch.put(a="one")
    ended = batch.run()
    assert ended["TransformJobStatus"] == "Completed", ended.get("FailureReason")
    last = batch.outputs()["a.out"]
    assert (last["word"], last["accept"]) == ("second", "application/json")
    first = json.loads(last["body"])
    assert (first["word"], first["body"], first["content_type"]) == ("first", "one", "text/plain")
    streams = emulator.client("logs").describe_log_streams(
        logGroupName=GROUP, logStreamNamePrefix=f"{batch.name}/"
    )["logStreams"]
    names = {stream["logStreamName"].rpartition("/")[2] for stream in streams}
    assert names == {"container-1", "container-2", "data-log"}
