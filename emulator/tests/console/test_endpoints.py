"""The list of endpoints, and the page of one: what it serves, its traffic, and its answers."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from bs4 import BeautifulSoup, Tag
from console_client import ConsoleClient
from emulator_process import Emulator
from endpoint_client import Hosting, variant_of


@pytest.fixture
def hosting(emulator: Emulator, until: Callable[..., Any]) -> Hosting:
    return Hosting(emulator, until)


@pytest.fixture
def endpoint(hosting: Hosting, name: str) -> Iterator[str]:
    """An endpoint with the variants `one` and `two`; its page's address."""
    hosting.model(name)
    hosting.config(name, one=name, two=name)
    assert hosting.endpoint(name)["EndpointStatus"] == "InService"
    yield f"/console/endpoints/{name}"
    hosting.sagemaker.delete_endpoint(EndpointName=name)


def answered(response: httpx.Response) -> Tag:
    """The part of a page with an endpoint's answer."""
    found = BeautifulSoup(response.text, "html.parser").select_one("#answer")
    assert found is not None
    return found


def test_endpoints_are_listed_by_a_part_of_their_names(
    console: ConsoleClient, endpoint: str, name: str
) -> None:
    page = console.get("/console/endpoints", filter=name)
    (row,) = page.select("tbody tr")
    assert row.select_one(f"a[href='{endpoint}']") and row.select_one(".badge.InService")
    assert "No endpoint" in console.get("/console/endpoints", filter="no-such-endpoint").text


def test_variants_are_shown_with_shares_and_models(
    console: ConsoleClient, endpoint: str, name: str
) -> None:
    rows = console.get(endpoint).select("[sse-swap=variants] tbody tr")
    cells = [[cell.text for cell in row.select("td")] for row in rows]
    assert [row[:5] for row in cells] == [
        ["one", "1", "50 %", "1", "ml.t2.medium"],
        ["two", "1", "50 %", "1", "ml.t2.medium"],
    ]
    assert rows[0].select_one(f"a[href='/console/models/plain/{name}']")


def test_weights_are_changed(
    console: ConsoleClient, hosting: Hosting, endpoint: str, name: str
) -> None:
    page = console.get(endpoint)
    fields = {"variant-0": "one", "weight-0": "3", "variant-1": "two", "count-1": "2"}
    console.post(f"{endpoint}/weights", page, 303, None, **fields)
    one, two = hosting.settled(name)["ProductionVariants"]
    assert (one["CurrentWeight"], two["CurrentWeight"]) == (3.0, 1.0)
    assert (one["CurrentInstanceCount"], two["CurrentInstanceCount"]) == (1, 2)
    assert "75 %" in console.get(endpoint).text
    refused = console.post(f"{endpoint}/weights", page, 400, None, **(fields | {"weight-0": "x"}))
    assert "is no weight" in refused.text


def test_a_file_is_sent_with_the_type_of_its_name(console: ConsoleClient, endpoint: str) -> None:
    page = console.get(endpoint)
    response = console.post(
        f"{endpoint}/invocation",
        page,
        200,
        {"file": ("photo.png", b"hello")},
        attributes="expected_quantity=3",
        variant="two",
    )
    answer = answered(response)
    shown = answer.select_one("pre")
    assert shown is not None
    told = json.loads(shown.text)
    assert (told["body"], told["content_type"]) == ("hello", "image/png")
    assert told["attributes"] == "expected_quantity=3"
    rows = {row.th.text: row.td.text for row in answer.select("tbody tr") if row.th and row.td}
    assert rows["InvokedProductionVariant"] == "two"
    assert rows["CustomAttributes"] == "trace=1"
    assert "Answered in" in answer.text


@pytest.mark.parametrize(
    ("text", "chosen", "sent"),
    [
        ("[1, 2]", "", "application/json"),
        ("1,2", "", "text/plain"),
        ("1,2", "text/csv", "text/csv"),
    ],
)
def test_a_text_is_sent_with_a_type(
    console: ConsoleClient, endpoint: str, text: str, chosen: str, sent: str
) -> None:
    page = console.get(endpoint)
    fields = {"text": text, "content_type": chosen}
    response = console.post(f"{endpoint}/invocation", page, 200, None, **fields)
    shown = answered(response).select_one("pre")
    assert shown is not None and json.loads(shown.text)["content_type"] == sent


def test_an_error_is_shown_as_a_client_sees_it(console: ConsoleClient, endpoint: str) -> None:
    page = console.get(endpoint)
    response = console.post(f"{endpoint}/invocation", page, 200, None, text="refuse")
    answer = answered(response)
    assert (
        "An error occurred (ModelError) when calling the InvokeEndpoint operation: "
        'Received client error (415) from primary with message "not a picture".'
    ) in answer.text
    assert "OriginalStatusCode" in answer.text


@pytest.mark.parametrize("attributes", ["\u03bb", "one\ntwo"], ids=["letter", "line"])
def test_attributes_that_no_header_can_hold_are_refused(
    console: ConsoleClient, endpoint: str, attributes: str
) -> None:
    fields = {"text": "hello", "attributes": attributes}
    response = console.post(f"{endpoint}/invocation", console.get(endpoint), 200, None, **fields)
    assert answered(response).select_one(".problem")


def test_a_script_gets_only_the_answer(console: ConsoleClient, endpoint: str) -> None:
    token = console.get(endpoint).select_one("input[name=form_token]")
    assert token is not None
    response = console.http.post(
        f"{endpoint}/invocation",
        data={"form_token": str(token["value"]), "text": "hello"},
        headers={"hx-request": "true"},
    )
    assert response.text.lstrip().startswith("<p><b>Answered in")


def test_neither_a_file_nor_a_text_is_refused(console: ConsoleClient, endpoint: str) -> None:
    response = console.post(f"{endpoint}/invocation", console.get(endpoint), 400)
    assert "Choose a file or write a text" in response.text


def test_the_last_hour_is_shown_as_cloudwatch_has_it(console: ConsoleClient, endpoint: str) -> None:
    page = console.get(endpoint)
    for text in ("hello", "hello", "refuse"):
        console.post(f"{endpoint}/invocation", page, 200, None, text=text, variant="one")
    shown = console.get(f"{endpoint}/traffic")
    facts = [fact.text for fact in shown.select(".fact")]
    assert facts[:2] == ["3invocations", "1of them with an error"]
    assert [str(chart["data-src"]) for chart in shown.select("[data-chart]")] == [
        f"{endpoint}/traffic/invocations.json",
        f"{endpoint}/traffic/latency.json",
    ]
    invocations = console.http.get(f"{endpoint}/traffic/invocations.json").json()
    sums = {
        series["name"]: sum(value for _, value in series["points"])
        for series in invocations["series"]
    }
    assert sums == {"invocations": 3.0, "4xx errors": 1.0}
    latency = console.http.get(f"{endpoint}/traffic/latency.json").json()
    assert [series["name"] for series in latency["series"]] == ["one, average", "one, longest"]
    values = [value for _, value in latency["series"][1]["points"] if value is not None]
    assert values and all(value > 0 for value in values)


def test_an_endpoint_that_was_never_asked_has_an_empty_hour(
    console: ConsoleClient, endpoint: str
) -> None:
    shown = console.get(f"{endpoint}/traffic")
    assert "0invocations" in [fact.text for fact in shown.select(".fact")]
    series = console.http.get(f"{endpoint}/traffic/invocations.json").json()["series"]
    assert [value for _, value in series[0]["points"]] == [0.0] * 60


def test_configurations_of_the_groups_other_versions_are_its_history(
    console: ConsoleClient, hosting: Hosting, name: str
) -> None:
    hosting.model(name)  # its model data serves the versions, too
    hosting.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    for number in (1, 2):
        hosting.version(name, f"{name}-{number}")
        hosting.config(f"{name}-{number}", v=f"{name}-{number}")
    hosting.config(f"{name}-of-another", v=name)
    hosting.config(name, v=f"{name}-2")
    assert hosting.endpoint(name)["EndpointStatus"] == "InService"
    page = console.get(f"/console/endpoints/{name}")
    rows = page.select("section[aria-labelledby=history] tbody tr")
    assert [row.td.text for row in rows if row.td] == [name, f"{name}-2", f"{name}-1"]
    assert [bool(row.select_one(".badge")) for row in rows] == [True, False, False]
    hosting.sagemaker.delete_endpoint(EndpointName=name)


def test_an_endpoint_outlives_its_configuration(
    console: ConsoleClient, hosting: Hosting, endpoint: str, name: str
) -> None:
    assert "DescribeEndpointConfig" in console.get(endpoint).text
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    page = console.get(endpoint)
    assert [row.td.text for row in page.select("[sse-swap=variants] tbody tr") if row.td] == [
        "one",
        "two",
    ]
    assert "The configuration was deleted" in page.text


def test_a_failed_endpoint_says_why(console: ConsoleClient, hosting: Hosting, name: str) -> None:
    hosting.model(name, word="crash")
    hosting.config(name, v=name)
    assert hosting.endpoint(name)["EndpointStatus"] == "Failed"
    page = console.get(f"/console/endpoints/{name}")
    problem = page.select_one(".problem")
    assert problem is not None and "ping health check" in problem.text
    hosting.sagemaker.delete_endpoint(EndpointName=name)


def test_an_endpoint_that_does_not_exist_says_so(console: ConsoleClient) -> None:
    assert "Could not find endpoint" in console.get("/console/endpoints/none", 400).text


def words(part: Tag | None) -> str:
    """A part of a page as a person reads it."""
    assert part is not None
    return " ".join(part.get_text(" ").split())


def test_capture_and_shadow_are_shown(console: ConsoleClient, hosting: Hosting, name: str) -> None:
    hosting.model(name)
    hosting.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant_of("main", name)],
        ShadowProductionVariants=[variant_of("copy", name, InitialVariantWeight=0.5)],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 20,
            "DestinationS3Uri": "s3://bucket/captured",
            "CaptureOptions": [{"CaptureMode": "Output"}],
        },
    )
    hosting.endpoint(name)
    page = console.get(f"/console/endpoints/{name}")
    rows = [words(row) for row in page.select("[sse-swap=variants] tbody tr")]
    assert rows[0].startswith("main 1 100 % 1 ")
    assert rows[1].startswith("copy (shadow) 0.5 50 % as copies 1 ")
    assert [each.text for each in page.select("select[name=variant] option")] == [
        *("by weight", "main")
    ]
    shown = words(page.select_one("[sse-swap=options]"))
    assert "Started 20 % of the invocations (Output), below s3://bucket/captured/" in shown
    assert page.select_one(f"a[href='/console/s3/bucket/captured/{name}/']")
    hosting.sagemaker.delete_endpoint(EndpointName=name)


def test_scaling_is_shown(
    console: ConsoleClient, hosting: Hosting, emulator: Emulator, name: str
) -> None:
    hosting.model(name)
    hosting.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant_of("v", name, InstanceType="ml.m5.large")],
    )
    hosting.endpoint(name)
    scaling = emulator.client("application-autoscaling")
    where = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/v",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(**where, MinCapacity=2, MaxCapacity=3)
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    scaling.put_scaling_policy(
        **where,
        PolicyName="p",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 70.0,
            "PredefinedMetricSpecification": metric,
        },
    )
    hosting.settled(name)
    shown = console.get(f"/console/endpoints/{name}").select_one("[sse-swap=options]")
    assert "v 2 3 70" in words(shown)
    assert "Setting desired instance count to 2." in words(shown)
    hosting.sagemaker.delete_endpoint(EndpointName=name)


def test_serverless_variant_is_shown(console: ConsoleClient, hosting: Hosting, name: str) -> None:
    hosting.model(name)
    size = {"MemorySizeInMB": 1024, "MaxConcurrency": 5}
    hosting.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{"VariantName": "v", "ModelName": name, "ServerlessConfig": size}],
    )
    hosting.endpoint(name)
    page = console.get(f"/console/endpoints/{name}")
    assert "serverless, at most 5 at a time" in words(page.select_one("[sse-swap=variants]"))
    assert not page.select("input[name=count-0]")
    hosting.sagemaker.delete_endpoint(EndpointName=name)
