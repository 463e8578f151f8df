"""Multi-model endpoints against a real container that keeps AWS's contract for them."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator
from endpoint_client import ROLE, Hosting, packed, variant_of

from sagemaker_emulator.sagemaker.endpoints.served_model import ServedContainer, ServedModel

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/many:latest"


class Many(Hosting):
    """An endpoint whose models each say their word."""

    def __init__(self, emulator: Emulator, until: Callable[..., Any], name: str) -> None:
        super().__init__(emulator, until)
        self.name = name
        self.runtime = emulator.client("sagemaker-runtime")
        self.s3 = emulator.client("s3")

    def put(self, *words: str) -> None:
        for word in words:
            key = f"{self.name}/models/{word}.tar.gz"
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=packed(word))

    def create(self, **changes: Any) -> None:
        container = {
            "Image": IMAGE,
            "Mode": "MultiModel",
            "ModelDataUrl": f"s3://{BUCKET}/{self.name}/models/",
            **changes,
        }
        self.sagemaker.create_model(
            ModelName=self.name, ExecutionRoleArn=ROLE, PrimaryContainer=container
        )

    def serve(self) -> None:
        self.config(self.name, v=self.name)
        assert self.endpoint(self.name)["EndpointStatus"] == "InService"

    def invoke(self, word: str, body: str = "hello") -> Any:
        target = {"TargetModel": f"{word}.tar.gz"} if word else {}
        answer = self.runtime.invoke_endpoint(EndpointName=self.name, Body=body, **target)
        return json.load(answer["Body"])


@pytest.fixture
def many(emulator: Emulator, until: Callable[..., Any], name: str) -> Any:
    made = Many(emulator, until, name)
    yield made
    for endpoint in made.sagemaker.list_endpoints(NameContains=name)["Endpoints"]:
        made.sagemaker.delete_endpoint(EndpointName=endpoint["EndpointName"])


def test_model_is_loaded_when_it_is_asked_for(many: Many) -> None:
    many.create()
    many.serve()
    many.put("one", "two")  # after the endpoint, as the SDK's MultiDataModel.add_model does
    told = many.invoke("one")
    assert (told["word"], told["body"], told["loaded"]) == ("one", "hello", ["one"])
    assert (told["target"], told["multi"]) == ("one.tar.gz", "true")
    assert many.invoke("two")["loaded"] == ["one", "two"]
    with ThreadPoolExecutor(4) as pool:  # loaded once, whoever asks
        told = list(pool.map(many.invoke, ["one", "two"] * 4))
    assert [each["word"] for each in told] == ["one", "two"] * 4
    assert all(each["loaded"] == ["one", "two"] for each in told)


def test_model_unused_for_longest_makes_room(many: Many) -> None:
    many.put("one", "two", "three")
    many.create(Environment={"ROOM": "2"})
    many.serve()
    for word in ("one", "two", "one"):
        many.invoke(word)
    assert many.invoke("three")["loaded"] == ["one", "three"]
    with ThreadPoolExecutor(2) as pool:  # one that is in use stays
        busy = pool.submit(many.invoke, "one", "sleep")
        time.sleep(0.2)
        many.invoke("three")
        assert many.invoke("two")["loaded"] == ["one", "two"]
        assert busy.result()["word"] == "one"


def test_model_is_not_kept_where_the_cache_is_disabled(many: Many) -> None:
    many.put("one", "two")
    many.create(MultiModelConfig={"ModelCacheSetting": "Disabled"})
    many.serve()
    many.invoke("one")
    assert many.invoke("two")["loaded"] == ["two"]


def test_container_that_was_started_again_loads_again(many: Many) -> None:
    many.put("one")
    many.create()
    many.serve()
    pid = many.invoke("one")["pid"]
    with pytest.raises(ClientError, match="did not respond"):
        many.invoke("one", "die")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            told = many.invoke("one")
        except ClientError:
            time.sleep(0.1)
            continue
        break
    assert told["word"] == "one" and told["pid"] != pid


def test_faults_of_a_target_are_told(many: Many) -> None:
    many.put("one", "broken")
    many.s3.put_object(Bucket=BUCKET, Key=f"{many.name}/models/text.tar.gz", Body=b"no archive")
    many.create()
    many.serve()
    with pytest.raises(ClientError, match=r"Failed to download model data\(bucket: .*none.tar.gz"):
        many.invoke("none")
    with pytest.raises(
        ClientError, match=r"\(ValidationError\).*text.tar.gz could not be unpacked"
    ):
        many.invoke("text")
    with pytest.raises(ClientError, match=r"server error \(500\) from primary.*model is broken"):
        many.invoke("broken")
    with pytest.raises(ClientError, match=r"client error \(415\) from primary"):
        many.invoke("one", "refuse")
    with pytest.raises(ClientError, match=r"\(ValidationError\).*requires a target model header"):
        many.invoke("")
    many.put("none")  # a fault is not kept
    assert many.invoke("none")["word"] == "none"


def test_key_outside_the_prefix_is_refused(many: Many) -> None:
    many.create()
    many.serve()
    with pytest.raises(ClientError, match="ValidationError"):
        many.invoke("../../secret")


def test_multi_model_containers_are_for_endpoints_with_instances(many: Many) -> None:
    with pytest.raises(ClientError, match="needs ModelDataUrl"):
        many.sagemaker.create_model(
            ModelName=many.name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, "Mode": "MultiModel"},
        )
    many.create()
    variant = variant_of(
        "v", many.name, ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    )
    del variant["InitialInstanceCount"], variant["InstanceType"]
    with pytest.raises(ClientError, match="cannot have a multi-model container"):
        many.sagemaker.create_endpoint_config(
            EndpointConfigName=many.name, ProductionVariants=[variant]
        )
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in"}
    with pytest.raises(ClientError, match="Mode MultiModel, which is for endpoints"):
        many.sagemaker.create_transform_job(
            TransformJobName=many.name,
            ModelName=many.name,
            TransformInput={"DataSource": {"S3DataSource": source}},
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )


def test_target_model_is_refused_elsewhere() -> None:
    model = ServedModel((ServedContainer("image"),))
    problem = model.target_problem("e", None, "one.tar.gz")
    assert problem == (
        "Endpoint e is not a multi-model endpoint and does not support target model header."
    )
