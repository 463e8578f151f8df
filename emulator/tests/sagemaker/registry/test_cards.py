"""Model cards, their versions, and Search of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-card/c"
CONTENT = {"model_overview": {"model_id": "m"}, "intended_uses": {"risk_rating": "High"}}


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """Card c of three versions, the latest of which is approved."""
    made = local_context(tmp_path)
    card = {"ModelCardName": "c", "ModelCardStatus": "Draft", "Content": json.dumps(CONTENT)}
    made.call("CreateModelCard", **card, Tags=[{"Key": "team", "Value": "red"}])
    for owner in "ab":
        content = json.dumps({**CONTENT, "owner": owner})
        made.call("UpdateModelCard", ModelCardName="c", Content=content)
    made.call("UpdateModelCard", ModelCardName=ARN, ModelCardStatus="Approved")
    yield made
    made.store.close()


def test_content_makes_versions_and_a_status_none(context: Context) -> None:
    listed = context.call("ListModelCardVersions", ModelCardName="c")
    assert [
        (each["ModelCardVersion"], each["ModelCardStatus"])
        for each in listed["ModelCardVersionSummaryList"]
    ] == [(3, "Approved"), (2, "Draft"), (1, "Draft")]
    latest = context.call("DescribeModelCard", ModelCardName=ARN)
    assert (latest["ModelCardVersion"], json.loads(latest["Content"])["owner"]) == (3, "b")
    first = context.call("DescribeModelCard", ModelCardName="c", ModelCardVersion=1)
    assert json.loads(first["Content"]) == CONTENT
    drafts = context.call("ListModelCardVersions", ModelCardName="c", ModelCardStatus="Draft")
    assert len(drafts["ModelCardVersionSummaryList"]) == 2


def test_cards_are_listed_searched_and_deleted(context: Context) -> None:
    assert len(context.call("ListModelCards", NameContains="C")["ModelCardSummaries"]) == 1
    assert context.call("ListModelCards", ModelCardStatus="Draft")["ModelCardSummaries"] == []
    for name, value in (("RiskRating", "High"), ("ModelId", "m"), ("Tags.team", "red")):
        expression = {"Filters": [{"Name": name, "Value": value}]}
        found = context.call("Search", Resource="ModelCard", SearchExpression=expression)
        assert [each["ModelCard"]["ModelCardVersion"] for each in found["Results"]] == [3]
    context.call("DeleteModelCard", ModelCardName="c")
    with pytest.raises(ApiError, match=r"ResourceNotFound: Modelcard c does not exist"):
        context.call("ListModelCardVersions", ModelCardName="c")
    context.call("CreateModelCard", ModelCardName="c", ModelCardStatus="Draft", Content="{}")
    again = context.call("ListModelCardVersions", ModelCardName="c")
    assert len(again["ModelCardVersionSummaryList"]) == 1


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        ("CreateModelCard", {"Content": "{}", "ModelCardStatus": "Draft"}, "ConflictException"),
        ("UpdateModelCard", {"Content": "[]"}, "must be a JSON object"),
        ("UpdateModelCard", {"Content": "{"}, "is not a JSON document"),
        ("UpdateModelCard", {"Content": "{}", "ModelCardStatus": "Draft"}, "cannot update both"),
        ("DescribeModelCard", {"ModelCardVersion": 4}, "ResourceNotFound: .* and version: 4"),
        ("DescribeModelCard", {"IncludedData": "MetadataOnly"}, "returns AllData"),
    ],
)
def test_wrong_requests_are_refused(
    context: Context, operation: str, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ApiError, match=message):
        context.call(operation, ModelCardName="c", **request_)


def test_an_archived_card_stays_as_it_is(context: Context) -> None:
    context.call("UpdateModelCard", ModelCardName="c", ModelCardStatus="Archived")
    with pytest.raises(ApiError, match="ConflictException: Modelcard c is Archived"):
        context.call("UpdateModelCard", ModelCardName="c", Content="{}")
