import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator

BUCKET = "bucket"
ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"


class Hosting:
    """Models, configurations and endpoints, made in one call each."""

    def __init__(self, emulator: Emulator, until: Callable[..., Any]) -> None:
        self.emulator = emulator
        self.until = until
        self.connect()

    def connect(self) -> None:
        emulator = self.emulator
        self.sagemaker = emulator.client("sagemaker")
        self.runtime = emulator.client("sagemaker-runtime")
        self.s3 = emulator.client("s3")

    def restart(self, ending: str) -> None:
        getattr(self.emulator, ending)()
        assert self.emulator.up().returncode == 0
        # Its port may have gone to another emulator in between.
        self.connect()

    def model(self, name: str, word: str | None, **changes: Any) -> str:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            member = tarfile.TarInfo("word.txt")
            member.size = len(word or "")
            archive.addfile(member, io.BytesIO((word or "").encode()))
        self.s3.put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=packed.getvalue())
        container = {
            "Image": IMAGE,
            "ModelDataUrl": f"s3://{BUCKET}/{name}/model.tar.gz",
            "Environment": {"VARIABLE": name},
            **changes,
        }
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container
        )
        if word is None:
            self.s3.delete_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz")
        return name

    def config(self, name: str, **weights: float) -> str:
        variants = [
            {
                "VariantName": f"v-{model}",
                "ModelName": model,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.t2.medium",
                "InitialVariantWeight": weight,
            }
            for model, weight in weights.items()
        ]
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        return name

    def settled(self, name: str) -> Any:
        return self.until(
            lambda: self.sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus"
        )

    def endpoint(self, name: str, config: str) -> Any:
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return self.settled(name)

    def ask(self, name: str, body: bytes = b"hello", **options: Any) -> Any:
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=body, **options)
        return {**answer, "told": json.loads(answer["Body"].read())}


@pytest.fixture
def hosting(emulator: Emulator, until: Callable[..., Any]) -> Hosting:
    return Hosting(emulator, until)


@pytest.fixture
def endpoint(hosting: Hosting, name: str) -> Iterator[Any]:
    hosting.model(name, "first")
    hosting.config(name, **{name: 1.0})
    made = hosting.endpoint(name, name)
    assert made["EndpointStatus"] == "InService", made
    yield name
    hosting.sagemaker.delete_endpoint(EndpointName=name)


def test_endpoint_responds(hosting: Hosting, endpoint: Any) -> None:
    answer = hosting.ask(
        endpoint,
        ContentType="image/png",
        Accept="application/json",
        CustomAttributes="expected_quantity=3",
    )
    told = answer["told"]
    assert told["word"] == "first"
    assert told["body"] == "hello"
    assert (told["content_type"], told["accept"]) == ("image/png", "application/json")
    assert told["attributes"] == "expected_quantity=3"
    assert told["variable"] == endpoint
    assert answer["ContentType"] == "application/json"
    assert answer["CustomAttributes"] == "trace=1"
    assert answer["InvokedProductionVariant"] == f"v-{endpoint}"
    described = hosting.sagemaker.describe_endpoint(EndpointName=endpoint)
    assert described["EndpointConfigName"] == endpoint
    assert described["ProductionVariants"][0]["CurrentWeight"] == 1.0
    assert "serving first" in hosting.emulator.log(f"/aws/sagemaker/Endpoints/{endpoint}")
    # The server's own log is never cleared: an answer must leave nothing in it.
    assert "HTTP Request" not in (hosting.emulator.state / "log.txt").read_text()


def test_error_of_the_container_is_a_model_error(hosting: Hosting, endpoint: Any) -> None:
    with pytest.raises(ClientError) as caught:
        hosting.ask(endpoint, b"refuse")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    response: Any = caught.value.response
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (415, "not a picture")
    assert 'Received client error (415) from primary with message "not a picture"' in str(
        caught.value
    )


def test_endpoint_that_cannot_be_invoked_is_a_validation_error(
    hosting: Hosting, endpoint: Any
) -> None:
    with pytest.raises(ClientError, match=r"ValidationError.*nowhere of account.*not found"):
        hosting.ask("nowhere")
    with pytest.raises(ClientError, match=f"there are v-{endpoint}"):
        hosting.ask(endpoint, TargetVariant="other")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"TargetModel": "a.tar.gz"}, "is not a multi-model endpoint and does not support target"),
        ({"SessionId": "NEW_SESSION"}, "does not run InvokeEndpoint with SessionId"),
        ({"InferenceId": "x" * 65}, "at 'inferenceId' failed to satisfy constraint"),
        ({"CustomAttributes": "x" * 1025}, "at 'customAttributes' failed to satisfy constraint"),
    ],
)
def test_invocation_that_cannot_be_honoured_is_a_validation_error(
    hosting: Hosting, endpoint: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=rf"\(ValidationError\).*{message}"):
        hosting.ask(endpoint, **options)


def test_body_that_is_too_large_is_refused_before_it_reaches_the_model(
    hosting: Hosting, endpoint: Any
) -> None:
    with pytest.raises(ClientError, match=r"\(413\).*exceeded 26214400 bytes"):
        hosting.ask(endpoint, b"x" * (25 * 1024 * 1024 + 1))


def test_an_update_leaves_no_gap(hosting: Hosting, endpoint: Any) -> None:
    second = f"{endpoint}-2"
    hosting.model(second, "second")
    hosting.config(second, **{second: 1.0})
    words, failures, stop = [], [], threading.Event()

    def ask_on() -> None:
        while not stop.is_set():
            try:
                words.append(hosting.ask(endpoint)["told"]["word"])
            except Exception as error:
                failures.append(error)

    asking = threading.Thread(target=ask_on)
    asking.start()
    try:
        hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=second)
        with pytest.raises(ClientError, match="in-progress"):
            hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=second)
        updated = hosting.settled(endpoint)
        time.sleep(0.2)
    finally:
        stop.set()
        asking.join()
    assert (updated["EndpointStatus"], updated["EndpointConfigName"]) == ("InService", second)
    assert failures == []
    assert words[0] == "first"
    assert words[-1] == "second"
    assert words == sorted(words)


@pytest.mark.parametrize(
    ("word", "changes", "message"),
    [
        ("crash", {}, "did not pass the ping health check.* The last line: .*the model is broken"),
        (None, {}, "Could not find model data at s3://bucket/.*model.tar.gz"),
    ],
    ids=["crash", "no data"],
)
def test_failed_update_keeps_the_former_servers(
    hosting: Hosting, endpoint: Any, word: Any, changes: Any, message: str
) -> None:
    broken = f"{endpoint}-broken"
    hosting.model(broken, word, **changes)
    hosting.config(broken, **{broken: 1.0})
    hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=broken)
    kept = hosting.settled(endpoint)
    assert kept["EndpointStatus"] == "InService"
    assert kept["EndpointConfigName"] == endpoint
    with pytest.raises(RuntimeError, match=message):
        raise RuntimeError(kept["FailureReason"])
    assert hosting.ask(endpoint)["told"]["word"] == "first"


def test_an_endpoint_that_cannot_start_is_failed(hosting: Hosting, name: str) -> None:
    hosting.model(name, "crash")
    hosting.config(name, **{name: 1.0})
    made = hosting.endpoint(name, name)
    assert made["EndpointStatus"] == "Failed"
    assert "the model is broken" in made["FailureReason"]
    with pytest.raises(ClientError, match="it is Failed"):
        hosting.ask(name)
    # "DeleteEndpoint is the only operation that can be performed on a failed endpoint."
    with pytest.raises(ClientError, match="Cannot update failed endpoint"):
        hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=name)
    assert hosting.settled(name)["EndpointStatus"] == "Failed"
    hosting.sagemaker.delete_endpoint(EndpointName=name)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        hosting.sagemaker.describe_endpoint(EndpointName=name)


def test_an_endpoint_whose_model_was_deleted_is_failed_with_the_reason(
    hosting: Hosting, name: str
) -> None:
    hosting.model(name, "a")
    hosting.config(name, **{name: 1.0})
    hosting.sagemaker.delete_model(ModelName=name)
    made = hosting.endpoint(name, name)
    assert made["FailureReason"].startswith("ClientError: Could not find model ")


def test_variants_share_by_weight(hosting: Hosting, name: str) -> None:
    other = f"{name}-b"
    for model, word in ((name, "a"), (other, "b")):
        hosting.model(model, word)
    hosting.config(name, **{name: 1.0, other: 0.0})
    made = hosting.endpoint(name, name)
    assert [v["CurrentWeight"] for v in made["ProductionVariants"]] == [1.0, 0.0]
    assert {hosting.ask(name)["told"]["word"] for _ in range(5)} == {"a"}
    assert hosting.ask(name, TargetVariant=f"v-{other}")["told"]["word"] == "b"
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": f"v-{name}", "DesiredWeight": 0.0},
            {"VariantName": f"v-{other}", "DesiredWeight": 1.0, "DesiredInstanceCount": 3},
        ],
    )
    hosting.settled(name)
    assert {hosting.ask(name)["told"]["word"] for _ in range(5)} == {"b"}
    for excluded, weights, instances in (
        ([], [0.0, 1.0], [1, 3]),
        ([{"VariantPropertyType": "DesiredWeight"}], [1.0, 0.0], [1, 3]),
        ([{"VariantPropertyType": "DesiredInstanceCount"}], [1.0, 0.0], [1, 1]),
    ):
        hosting.sagemaker.update_endpoint(
            EndpointName=name,
            EndpointConfigName=name,
            RetainAllVariantProperties=True,
            ExcludeRetainedVariantProperties=excluded,
        )
        variants = hosting.settled(name)["ProductionVariants"]
        assert [variant["CurrentWeight"] for variant in variants] == weights
        assert [variant["DesiredInstanceCount"] for variant in variants] == instances
    hosting.sagemaker.delete_endpoint(EndpointName=name)


def test_container_that_dies_is_restarted(hosting: Hosting, endpoint: Any) -> None:
    before = hosting.ask(endpoint)["told"]["pid"]
    with pytest.raises(ClientError, match="did not respond"):
        hosting.ask(endpoint, b"die")
    after = before
    deadline = time.monotonic() + 10
    while after == before and time.monotonic() < deadline:
        time.sleep(0.1)
        try:
            after = hosting.ask(endpoint)["told"]["pid"]
        except ClientError:
            continue
    assert after != before


def test_endpoint_is_restored_after_a_restart(
    hosting: Hosting, endpoint: Any, until: Callable[..., Any]
) -> None:
    for ending in ("down", "kill"):
        old = hosting.ask(endpoint)["told"]["pid"]
        hosting.restart(ending)
        described = hosting.sagemaker.describe_endpoint(EndpointName=endpoint)
        assert described["EndpointStatus"] == "InService"
        told = hosting.ask(endpoint)["told"]
        assert told["word"] == "first"
        assert told["pid"] != old
        assert _gone(old)


def test_update_interrupted_by_a_kill_is_continued(hosting: Hosting, endpoint: Any) -> None:
    second = hosting.config(f"{endpoint}-2", **{hosting.model(f"{endpoint}-2", "second"): 1.0})
    hosting.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=second)
    hosting.restart("kill")
    assert hosting.ask(endpoint)["told"]["word"] in ("first", "second")
    updated = hosting.settled(endpoint)
    assert (updated["EndpointStatus"], updated["EndpointConfigName"]) == ("InService", second)
    assert "FailureReason" not in updated
    assert hosting.ask(endpoint)["told"]["word"] == "second"


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("key", ["EndpointConfigName", "ModelName"])
def test_missing_models_configurations_and_endpoints_are_refused(
    hosting: Hosting, name: str, key: Any
) -> None:
    with pytest.raises(ClientError, match="Could not find"):
        if key == "ModelName":
            hosting.config(name, **{"no-model": 1.0})
        else:
            hosting.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="no-config")


def test_unsupported_models_and_variants_are_refused_at_creation(
    hosting: Hosting, name: str
) -> None:
    with pytest.raises(ClientError, match=r"Requested image other not found\. .*no folder .*other"):
        hosting.model(name, "first", Image="other")
    with pytest.raises(ClientError, match="AdditionalModelDataSources; the emulator fetches one"):
        hosting.model(name, "first", AdditionalModelDataSources=[])
    hosting.model(name, "first")
