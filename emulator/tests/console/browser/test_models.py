"""A model version, as the person sees it who decides about it."""

import json
from collections.abc import Callable

import pytest
from browser_pages import LOOKS, check, press_until
from emulator_process import BUCKET, Emulator
from playwright.sync_api import Page, expect

RELIABILITY = [
    {"confidence": 0.1 * number + 0.05, "accuracy": 0.09 * number, "count": 10 + number}
    for number in range(10)
]
QUALITY = {
    "multiclass_classification_metrics": {
        "confusion_matrix": {"1": {"1": 6, "2": 2}, "2": {"1": 3, "2": 3}},
        "accuracy": {"value": 0.6428, "standard_deviation": 0.1, "low": 0.4, "high": 0.9},
    },
    "mine": {"reliability": RELIABILITY, "by_class": {"1": {"f1": 0.5}, "2": {"f1": 0.7}}},
}


@pytest.fixture
def version(emulator: Emulator, name: str) -> str:
    """The address of a version's page."""
    uri = f"s3://{BUCKET}/{name}.json"
    body = json.dumps(QUALITY).encode()
    emulator.client("s3").put_object(Bucket=BUCKET, Key=f"{name}.json", Body=body)
    sagemaker = emulator.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    source = {"ContentType": "application/json", "S3Uri": uri}
    card = {"model_overview": {"model_creator": "the team"}, "notes": ["one", "two"]}
    sagemaker.create_model_package(
        ModelPackageGroupName=name,
        ModelPackageDescription="Counts things.",
        ModelMetrics={"ModelQuality": {"Statistics": source}},
        ModelCard={"ModelCardContent": json.dumps(card), "ModelCardStatus": "Draft"},
        CustomerMetadataProperties={"data": f"s3://{BUCKET}/data/"},
    )
    return f"/console/models/groups/{name}/1"


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_anyone_can_read_a_version(
    open_console: Callable[..., Page], version: str, width: int, scheme: str
) -> None:
    page = open_console(version, width, scheme)
    expect(page.locator("[data-chart][data-drawn]")).to_have_count(2)
    page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    check(page, "console-model-version")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize("path", ["", "/plain", "/packages"])
def test_anyone_can_read_the_lists(
    open_console: Callable[..., Page], version: str, path: str, width: int, scheme: str
) -> None:
    page = open_console(f"/console/models{path}", width, scheme)
    check(page, f"console-models{path.replace('/', '-')}")


def test_a_version_is_approved_by_keyboard(open_console: Callable[..., Page], version: str) -> None:
    page = open_console(version)
    press_until(page, "Tab", "textarea[name=note]")
    page.keyboard.type("I looked at 20")
    press_until(page, "Tab", "button[value=Approved]")
    page.keyboard.press("Enter")
    expect(page.locator(".state .badge.Approved")).to_be_visible()
    expect(page.get_by_text("I looked at 20").first).to_be_visible()


def test_a_decision_of_somebody_else_appears_within_a_second(
    emulator: Emulator, open_console: Callable[..., Page], version: str, name: str
) -> None:
    page = open_console(version)
    expect(page.locator(".state .badge.PendingManualApproval")).to_be_visible()
    emulator.client("sagemaker").update_model_package(
        ModelPackageArn=f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{name}/1",
        ModelApprovalStatus="Rejected",
    )
    expect(page.locator(".state .badge.Rejected")).to_be_visible(timeout=3000)
