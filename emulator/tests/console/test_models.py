"""The lists of the registry, and the page of a version."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from console_client import ConsoleClient
from emulator_process import BUCKET, Emulator
from function_archive import function_request
from pipeline_client import PipelineClient
from pipeline_steps import get, output_uri, processing, training

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"
QUALITY = {
    "multiclass_classification_metrics": {
        "confusion_matrix": {"1": {"1": 6, "2": 2}, "2": {"1": 3, "2": 3}},
        "accuracy": {"value": 0.6428, "standard_deviation": 0.1},
    }
}
Register = Callable[..., str]


@pytest.fixture
def register(emulator: Emulator, name: str) -> Register:
    """A function that registers a version in the test's own group, and returns its page."""
    sagemaker = emulator.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=name)

    def make(**members: Any) -> str:
        arn = sagemaker.create_model_package(ModelPackageGroupName=name, **members)
        return f"/console/models/groups/{arn['ModelPackageArn'].partition('model-package/')[2]}"

    return make


@pytest.fixture
def measured(emulator: Emulator, name: str) -> dict[str, Any]:
    """The members of a version whose quality is in S3."""
    body = json.dumps(QUALITY).encode()
    emulator.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/statistics.json", Body=body)
    uri = f"s3://{BUCKET}/{name}/statistics.json"
    source = {"ContentType": "application/json", "S3Uri": uri}
    return {"ModelMetrics": {"ModelQuality": {"Statistics": source}}}


def test_a_group_is_listed_with_its_latest_version(
    console: ConsoleClient, register: Register, name: str
) -> None:
    register()
    register(ModelApprovalStatus="Approved")
    page = console.get("/console/models", filter=name)
    (row,) = page.select("tbody tr")
    assert row.select_one(f"a[href='/console/models/groups/{name}']")
    assert row.select_one(f"a[href='/console/models/groups/{name}/2']")
    assert row.select_one(".badge.Approved")
    assert "No group" in console.get("/console/models", filter="no-such-group").text


def test_versions_are_listed_latest_first_and_by_approval(
    console: ConsoleClient, register: Register, name: str
) -> None:
    for status in ("Approved", "Rejected", "Approved"):
        register(ModelApprovalStatus=status)
    group = f"/console/models/groups/{name}"
    shown = [row.td.text for row in console.get(group).select("tbody tr") if row.td]
    assert shown == ["3", "2", "1"]
    approved = console.get(group, approval="Approved").select("tbody tr")
    assert [row.td.text for row in approved if row.td] == ["3", "1"]


def test_the_next_page_of_versions_keeps_the_approval(
    console: ConsoleClient, register: Register, name: str
) -> None:
    for number in range(103):
        register(ModelApprovalStatus="Rejected" if number % 101 else "Approved")
    first = console.get(f"/console/models/groups/{name}", approval="Rejected")
    assert len(first.select("tbody tr")) == 100
    following = first.select_one("a[rel=next]")
    assert following is not None
    second = console.http.get(str(following["href"])).text
    assert second.count("<tr>") == 2 and f"/console/models/groups/{name}/2" in second


def test_a_version_shows_its_quality(
    console: ConsoleClient, register: Register, measured: dict[str, Any]
) -> None:
    here = register(**measured)
    page = console.get(here)
    assert "0.6428" in page.text
    chart = page.select_one("[data-chart=heatmap]")
    assert chart is not None
    drawn = console.http.get(str(chart["data-src"])).json()
    assert drawn["cells"] == [[6, 2], [3, 3]]
    cells = [cell.text for cell in page.select("details.numbers td")]
    assert cells == ["6", "2", "3", "3"]
    assert console.http.get(f"{here}/charts/9.json").status_code == 404


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "cannot be read: The specified key does not exist"),
        (b"accuracy: 1", "is no JSON"),
        (b"[]", "has no numbers"),
    ],
    ids=["missing", "no JSON", "no numbers"],
)
def test_a_version_says_why_its_quality_is_not_shown(
    emulator: Emulator,
    console: ConsoleClient,
    register: Register,
    measured: dict[str, Any],
    name: str,
    body: bytes | None,
    message: str,
) -> None:
    s3, where = emulator.client("s3"), {"Bucket": BUCKET, "Key": f"{name}/statistics.json"}
    if body is None:
        s3.delete_object(**where)
    else:
        s3.put_object(**where, Body=body)
    assert message in console.get(register(**measured)).text


def test_a_chart_may_have_names_that_are_half_of_a_pair(
    emulator: Emulator, console: ConsoleClient, register: Register, measured: Any, name: str
) -> None:
    body = b'{"m": {"confusion_matrix": {"\\ud83d": {"\\ud83d": 1}}}}'
    where = {"Bucket": BUCKET, "Key": f"{name}/statistics.json"}
    emulator.client("s3").put_object(**where, Body=body)
    chart = console.http.get(f"{register(**measured)}/charts/0.json")
    assert chart.json()["rows"] == ["\ud83d"]


def test_a_version_without_anything_has_a_page(console: ConsoleClient, register: Register) -> None:
    page = console.get(register())
    assert "names no document of its quality" in page.text
    assert "No execution that registered it was found" in page.text


def test_a_version_shows_card_metadata_and_inference(
    console: ConsoleClient, register: Register
) -> None:
    card = {"model_overview": {"model_creator": "the team"}}
    page = console.get(
        register(
            ModelCard={"ModelCardContent": json.dumps(card), "ModelCardStatus": "Draft"},
            CustomerMetadataProperties={"data": "s3://bucket/data/"},
            InferenceSpecification={
                "Containers": [{"Image": IMAGE, "Environment": {"WORKERS": "2"}}],
                "SupportedContentTypes": ["image/png"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )
    )
    assert "the team" in page.text and "image/png" in page.text and "WORKERS" in page.text
    assert page.select_one("a[href='/console/s3/bucket/data/']")


def test_approval_writes_the_note_and_runs_the_rules(
    emulator: Emulator, console: ConsoleClient, register: Register, name: str
) -> None:
    emulator.client("lambda").create_function(**function_request(name))
    events = emulator.client("events")
    pattern = {
        "source": ["aws.sagemaker"],
        "detail": {"ModelPackageGroupName": [name], "ModelApprovalStatus": ["Approved"]},
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    function = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    events.put_targets(Rule=name, Targets=[{"Id": "f", "Arn": function}])
    here = register()
    page = console.get(here)
    approved, rejected = page.select("section[aria-labelledby=decision] li")
    assert name in approved.text and approved.select_one(f"a[href='/console/functions/{name}']")
    assert "no rule matches" in rejected.text
    response = console.post(f"{here}/decision", page, decision="Approved", note="I looked at 20")
    assert response.headers["location"] == here
    described = emulator.client("sagemaker").describe_model_package(
        ModelPackageName=f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{name}/1"
    )
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "I looked at 20"
    assert "I looked at 20" in console.get(here).text


def test_a_rule_behind_a_hundred_others_is_named(
    emulator: Emulator, console: ConsoleClient, register: Register, name: str
) -> None:
    events = emulator.client("events")
    rules = [*(f"a-{number}-{name}" for number in range(100)), f"z-{name}"]
    for rule in rules:
        of = [name] if rule == rules[-1] else ["another"]
        pattern = {"source": ["aws.sagemaker"], "detail": {"ModelPackageGroupName": of}}
        events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    try:
        page = console.get(register())
    finally:
        for rule in rules:
            events.delete_rule(Name=rule)
    assert page.select_one(f"section[aria-labelledby=decision] a[href='/console/events/z-{name}']")


def test_a_decision_without_a_note_removes_the_former_note(
    console: ConsoleClient, register: Register
) -> None:
    here = register()
    console.post(f"{here}/decision", console.get(here), decision="Approved", note="Looks good")
    assert console.get(here).select_one(".state .note")
    console.post(f"{here}/decision", console.get(here), decision="Rejected", note="")
    page = console.get(here)
    assert page.select_one(".state .badge.Rejected")
    assert not page.select_one(".state .note")


def test_another_decision_is_refused(console: ConsoleClient, register: Register) -> None:
    here = register()
    page = console.get(here)
    response = console.post(f"{here}/decision", page, 400, decision="Perhaps")
    assert "Choose whether to approve or to reject" in response.text
    assert console.http.post(f"{here}/decision", data={"decision": "Approved"}).status_code == 403


@pytest.mark.parametrize("path", ["groups/none", "groups/none/1", "groups/none/x", "plain/none"])
def test_what_does_not_exist_says_so(console: ConsoleClient, path: str) -> None:
    response = console.http.get(f"/console/models/{path}")
    assert response.status_code in (400, 404)
    assert "That did not work" in response.text


def test_origin_is_the_execution_with_its_jobs_data_and_code(
    emulator: Emulator, console: ConsoleClient, name: str
) -> None:
    s3 = emulator.client("s3")
    s3.put_object(Bucket=BUCKET, Key=f"{name}/raw/a", Body=b"x")
    s3.put_object(Bucket=BUCKET, Key=f"{name}/code/prepare.py", Body=b"")
    raw = {
        "InputName": "raw",
        "S3Input": {
            "S3Uri": f"s3://{BUCKET}/{name}/raw",
            "LocalPath": "/opt/ml/processing/raw",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }
    write = "import os; open('/opt/ml/processing/out/report.json', 'w').write('{}')"
    prepare = processing(
        "Prepare",
        arguments={
            "AppSpecification": {
                "ImageUri": IMAGE,
                "ContainerEntrypoint": ["python", "-c", write],
            },
            "ProcessingInputs": [raw],
        },
    )
    code = f"s3://{BUCKET}/{name}/code/prepare.py"
    train = training("Train", {"sagemaker_submit_directory": json.dumps(code)})
    train["Arguments"]["AlgorithmSpecification"]["TrainingImage"] = IMAGE
    channel = {"S3DataType": "S3Prefix", "S3Uri": output_uri("Prepare")}
    train["Arguments"]["InputDataConfig"] = [
        {"ChannelName": "train", "DataSource": {"S3DataSource": channel}}
    ]
    container = {"Image": IMAGE, "ModelDataUrl": get("Steps.Train.ModelArtifacts.S3ModelArtifacts")}
    types = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
    arguments = {
        "ModelPackageGroupName": name,
        "InferenceSpecification": {"Containers": [container], **types},
    }
    pipeline = PipelineClient(emulator.client("sagemaker"), name)
    pipeline.create(
        prepare, train, {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}
    )
    arn, status = pipeline.run()
    assert status == "Succeeded", pipeline.steps(arn)
    origin = console.get(f"/console/models/groups/{name}/1").select_one(
        "section[aria-labelledby=origin]"
    )
    assert origin is not None
    assert origin.select_one(f"a[href='/console/executions/{arn.rpartition('/')[2]}']")
    assert origin.select_one("a[href$='/steps/Register']")
    rows = [[cell.text.strip() for cell in row.select("td")] for row in origin.select("tbody tr")]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("model", "this version", "Train"),
        ("data, train", "Train", "Prepare"),
        ("code", "Train", ""),
        ("data, raw", "Prepare", ""),
    ]
    assert rows[2][1] == code


def test_models_are_listed_and_have_pages(
    emulator: Emulator, console: ConsoleClient, name: str
) -> None:
    emulator.client("sagemaker").create_model(
        ModelName=name,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/r",
        PrimaryContainer={"Image": IMAGE, "Environment": {"WORD": "hello"}},
    )
    listed = console.get("/console/models/plain", filter=name)
    assert listed.select_one(f"a[href='/console/models/plain/{name}']")
    page = console.get(f"/console/models/plain/{name}")
    assert IMAGE in page.text and "hello" in page.text


def test_a_package_without_a_group_has_a_page(
    emulator: Emulator, console: ConsoleClient, name: str
) -> None:
    arn = emulator.client("sagemaker").create_model_package(ModelPackageName=name)
    listed = console.get("/console/models/packages", filter=name)
    assert listed.select_one(f"a[href='/console/models/packages/{name}']")
    found = console.http.get("/console/models/find", params={"arn": arn["ModelPackageArn"]})
    assert found.headers["location"] == f"/console/models/packages/{name}"
    page = console.get(f"/console/models/packages/{name}")
    assert not page.select("form[action$=decision]")
