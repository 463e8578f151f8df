"""Promotion onto an endpoint that exists, which moto cannot update: against the emulator."""

import time
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from model_registry import endpoint as endpoints
from model_registry import versions
from model_registry.errors import EndpointBusyError, RegistryError
from model_registry.promotion import Placement, promote, rollback
from pipelines.serving import prediction, rollout
from tests.model_registry.served import PLACEMENT, place, register, rest


def test_an_update_keeps_settings_and_rollback_goes_back_version_by_version(emulated):
    client = emulated
    arns = [register(client) for _ in range(3)]
    first, second, third = (endpoints.version_number(arn) for arn in arns)
    promote(client, arns[0], PLACEMENT)
    assert rollout.wait(client, "tally", "tally", 60).status == "InService"

    # Somebody gives the endpoint a setting and a tag that promotion knows nothing of.
    settings = client.describe_endpoint_config(
        EndpointConfigName=endpoints.read(client, "tally").config
    )
    variant = {
        **settings["ProductionVariants"][0],
        "VariantName": "Bins",
        "ContainerStartupHealthCheckTimeoutInSeconds": 120,
    }
    key = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    client.create_endpoint_config(
        EndpointConfigName="by-hand",
        ProductionVariants=[variant],
        KmsKeyId=key,
        Tags=[{"Key": "team", "Value": "stock"}],
    )
    client.update_endpoint(EndpointName="tally", EndpointConfigName="by-hand")
    rest(client)

    for arn in arns[1:]:
        assert promote(client, arn, PLACEMENT, wait_seconds=30).status == "endpoint updated"
        rest(client)
    found = endpoints.describe(client, "tally")
    kept = client.describe_endpoint_config(EndpointConfigName=found["endpoint_config"])
    assert found["version"] == third
    assert kept["KmsKeyId"] == key
    assert kept["ProductionVariants"] == [{**variant, "ModelName": found["model"]}]
    assert endpoints.tags(client, found["endpoint_config"])["team"] == "stock"

    versions.reject(client, "tally", second)
    assert rollback(client, PLACEMENT, wait_seconds=30).version == first
    rest(client)
    assert endpoints.describe(client, "tally")["variants"] == ["Bins"]
    with pytest.raises(RegistryError, match="no approved version before"):
        rollback(client, PLACEMENT)


class Busy:
    """A client whose endpoint is being changed when it is first looked at."""

    def __init__(self, client) -> None:
        self._client, self._looks = client, 0

    def __getattr__(self, name):
        return getattr(self._client, name)

    def describe_endpoint(self, **request):
        found = self._client.describe_endpoint(**request)
        self._looks += 1
        return found | {"EndpointStatus": "Updating"} if self._looks == 1 else found


def test_a_busy_endpoint_is_waited_for_or_named(emulated):
    client = emulated
    first, second = register(client), register(client)
    promote(client, first, place("busy"))
    rest(client, "busy")
    with pytest.raises(EndpointBusyError, match="Endpoint busy is Updating"):
        promote(Busy(client), second, place("busy"))
    done = promote(Busy(client), second, place("busy"), wait_seconds=30)
    assert done.status == "endpoint updated"


def test_a_failed_endpoint_is_made_again_and_keeps_its_settings(emulated):
    client = emulated
    broken, good = register(client, key="crash/model.tar.gz"), register(client)
    promote(client, broken, place("failing"))
    rest(client, "failing")
    assert endpoints.read(client, "failing").status == "Failed"
    assert promote(client, broken, place("failing")).status == "endpoint created"
    rest(client, "failing")
    done = promote(client, good, place("failing", "ml.c5.large"))
    assert done.status == "endpoint created"
    rest(client, "failing")
    found = endpoints.describe(client, "failing")
    assert (found["status"], found["model_package_arn"]) == ("InService", good)
    assert found["instance_type"] == "ml.m5.large"
    assert found["replaced_config"] == done.replaced_config_name


def test_of_a_failed_endpoint_it_is_said_what_has_it_serve_again(emulated, monkeypatch, tmp_path):
    promote(emulated, register(emulated, key="crash/model.tar.gz"), place("asked"))
    rest(emulated, "asked")
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulated.meta.endpoint_url)
    keys = {"aws_access_key_id": "emulator", "aws_secret_access_key": "emulator"}
    session = boto3.Session(region_name="us-east-1", **keys)
    image = prediction.Image(tmp_path / "bin.jpg", b"an image", "image/jpeg", 8, 8)
    with pytest.raises(RegistryError, match=r"(?s)asked is Failed: .*`python pipeline.py promote"):
        prediction.predict(session, "asked", image)


def test_a_weight_that_was_changed_while_serving_stays(emulated):
    client = emulated
    first, second = register(client), register(client)
    promote(client, first, place("weighted"))
    rest(client, "weighted")
    wanted = {"VariantName": "AllTraffic", "DesiredWeight": 0.5}
    client.update_endpoint_weights_and_capacities(
        EndpointName="weighted", DesiredWeightsAndCapacities=[wanted]
    )
    promote(client, second, place("weighted"))
    rest(client, "weighted")
    (variant,) = client.describe_endpoint(EndpointName="weighted")["ProductionVariants"]
    assert variant["CurrentWeight"] == 0.5


def test_only_the_variant_with_most_of_the_traffic_gets_the_version(emulated):
    client = emulated
    first, second = register(client), register(client)
    promote(client, first, place("variants"))
    rest(client, "variants")
    current = endpoints.read(client, "variants")
    settings = client.describe_endpoint_config(EndpointConfigName=current.config)
    (given,) = settings["ProductionVariants"]
    client.create_endpoint_config(
        EndpointConfigName="two-variants",
        ProductionVariants=[
            {**given, "VariantName": name, "InitialVariantWeight": weight}
            for name, weight in (("Trial", 0.1), ("Main", 0.9))
        ],
    )
    client.update_endpoint(EndpointName="variants", EndpointConfigName="two-variants")
    rest(client, "variants")
    done = promote(client, second, place("variants"))
    rest(client, "variants")
    kept = client.describe_endpoint_config(EndpointConfigName=done.endpoint_config_name)
    models = {v["VariantName"]: v["ModelName"] for v in kept["ProductionVariants"]}
    assert models["Trial"] == current.model
    assert models["Main"] == endpoints.read(client, "variants").model != current.model
    assert endpoints.read(client, "variants").package == second


def test_a_group_that_counts_from_one_again_gets_models_of_its_own(emulated):
    client = emulated

    def promoted():
        client.create_model_package_group(ModelPackageGroupName="again")
        arn = register(client, group="again")
        promote(client, arn, place("again"))
        rest(client, "again")
        name = endpoints.read(client, "again").model
        client.delete_endpoint(EndpointName="again")
        client.delete_model_package(ModelPackageName=arn)
        client.delete_model_package_group(ModelPackageGroupName="again")
        return arn, name

    (first_arn, first), (second_arn, second) = promoted(), promoted()
    assert first_arn == second_arn
    assert first != second


def test_version_1_of_a_new_group_is_not_that_of_the_deleted_one(emulated):
    client, models = emulated, []
    for expected in ("endpoint created", "endpoint updated"):
        client.create_model_package_group(ModelPackageGroupName="anew")
        arn = register(client, group="anew")
        assert promote(client, arn, place("anew")).status == expected
        rest(client, "anew")
        assert promote(client, arn, place("anew")).status == "already serving"
        models.append(endpoints.read(client, "anew").model)
        client.delete_model_package(ModelPackageName=arn)
        client.delete_model_package_group(ModelPackageGroupName="anew")
    assert models[0] != models[1]


class Overtaken:
    """A client whose first update comes just after somebody else's."""

    def __init__(self, client, other) -> None:
        self._client, self._other = client, other

    def __getattr__(self, name):
        return getattr(self._client, name)

    def update_endpoint(self, **request):
        if self._other:
            other, self._other = self._other, None
            other()
        return self._client.update_endpoint(**request)


def test_a_rollback_goes_to_what_an_overtaken_promotion_really_replaced(emulated):
    client = emulated
    placement = Placement("overtaken", PLACEMENT.instance_type, PLACEMENT.role_arn)
    arns = [register(client, key=f"{k}model.tar.gz") for k in ("", "slow/", "")]
    now = datetime.now(UTC)

    def decided(arn, minutes, through=client):
        when = now - timedelta(minutes=minutes)
        return promote(through, arn, placement, wait_seconds=30, decided_at=when)

    decided(arns[0], 3)
    while endpoints.read(client, "overtaken").busy:
        time.sleep(0.1)
    done = decided(arns[2], 1, Overtaken(client, lambda: decided(arns[1], 2)))
    assert done.status == "endpoint updated"
    replaced = endpoints.tags(client, done.endpoint_config_name)[endpoints.REPLACES]
    assert endpoints.model_of(client, replaced)[1] == arns[1]
    assert replaced == done.replaced_config_name
    package = versions.describe(client, arns[1])
    assert rollback(client, placement, wait_seconds=30).version == package.version
