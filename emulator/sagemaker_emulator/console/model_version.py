"""A model version: its quality, its origin, what it needs, and the decision about it."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sagemaker_emulator.console import forms, lineage, live, model_statistics, s3_client
from sagemaker_emulator.console.pages import call, context_of, fragment, only, render, url
from sagemaker_emulator.errors import ApiError

_LONGEST_DOCUMENT = 8 << 20
DECISIONS = {"Approved": "approve", "Rejected": "reject"}


def show(request: Request) -> Response:
    """The page of a version, or of a package without a group."""
    package = _package(request)
    statistics, problem = _statistics(request, package)
    return render(
        request,
        "model_version.html.j2",
        package=package,
        title=_title(package),
        here=_address(package),
        statistics=statistics,
        problem=problem,
        metrics=lineage.metric_sources(package),
        lineage=lineage.of_version(request, package),
        containers=package.get("InferenceSpecification", {}).get("Containers", []),
        card=_card(package),
        rules={status: _rules(request, package, status) for status in DECISIONS},
    )


def follow(request: Request) -> Response:
    """The version's status, whenever it changes."""

    def parts() -> Mapping[str, str]:
        try:
            package = _package(request)
        except ApiError:
            return {"status": "This version was deleted.", "end": ""}
        return {"status": fragment(request, "model_version_status.html.j2", package=package)}

    return live.stream(request, parts)


def chart(request: Request) -> Response:
    """The numbers of one of a version's charts."""
    statistics, _ = _statistics(request, _package(request))
    charts = {str(number): each for number, each in enumerate(statistics.charts)}
    number = request.path_params["number"]
    if number not in charts:
        raise ApiError("ResourceNotFound", f"The version has no chart {number}.", 404)
    # In ASCII: a name may hold half of a surrogate pair, which no encoding has.
    return Response(json.dumps(charts[number].data), media_type="application/json")


async def decide(request: Request) -> Response:
    """Approve or reject a version, with a note."""
    form = only(await forms.form_of(request), "decision", "note")
    if form["decision"] not in DECISIONS:
        raise ApiError("ValidationException", "Choose whether to approve or to reject.", 400)

    def update() -> str:
        package = _package(request)
        # Not `pages.call`: an empty note must replace the former one.
        context_of(request).call(
            "UpdateModelPackage",
            ModelPackageArn=package["ModelPackageArn"],
            ModelApprovalStatus=form["decision"],
            ApprovalDescription=form["note"],
        )
        return _address(package)

    return RedirectResponse(await run_in_threadpool(update), 303)


def _package(request: Request) -> dict[str, Any]:
    names = request.path_params
    if "group" not in names:
        name = names["package"]
    elif not names["version"].isdecimal():
        raise ApiError("ResourceNotFound", f"A version is a number, not {names['version']}.", 404)
    else:
        name = context_of(request).arn("model-package", f"{names['group']}/{names['version']}")
    package: dict[str, Any] = call(request, "DescribeModelPackage", ModelPackageName=name)
    return package


def _title(package: Mapping[str, Any]) -> str:
    if "ModelPackageVersion" in package:
        return f"{package['ModelPackageGroupName']}, version {package['ModelPackageVersion']}"
    return str(package["ModelPackageName"])


def _address(package: Mapping[str, Any]) -> str:
    if "ModelPackageVersion" in package:
        return url(
            "models",
            "groups",
            package["ModelPackageGroupName"],
            str(package["ModelPackageVersion"]),
        )
    return url("models", "packages", package["ModelPackageName"])


def _statistics(
    request: Request, package: Mapping[str, Any]
) -> tuple[model_statistics.Statistics, str]:
    """The numbers of ModelQuality's statistics, and why there are none; empty if there are."""
    empty = model_statistics.Statistics()
    quality = package.get("ModelMetrics", {}).get("ModelQuality", {})
    uri = quality.get("Statistics", {}).get("S3Uri", "")
    if not uri:
        return empty, "The version names no document of its quality (ModelQuality.Statistics)."
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        head = s3_client.call(request, "head_object", Bucket=bucket, Key=key)
        if head["ContentLength"] > _LONGEST_DOCUMENT:
            return empty, f"The document is larger than {_LONGEST_DOCUMENT >> 20} MiB."
        body = s3_client.call(request, "get_object", Bucket=bucket, Key=key)["Body"].read()
    except ApiError as refused:
        return empty, f"The document {uri} cannot be read: {refused.message}"
    try:
        found = model_statistics.read(json.loads(body))
    except (ValueError, RecursionError):
        return empty, f"The document {uri} is no JSON."
    if not found.groups and not found.charts:
        return found, f"The document {uri} has no numbers."
    return found, ""


def _card(package: Mapping[str, Any]) -> Any:
    """The content of the model card; a text where it is no JSON; None where there is none."""
    content = package.get("ModelCard", {}).get("ModelCardContent")
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content


def _rules(request: Request, package: Mapping[str, Any], status: str) -> list[dict[str, Any]]:
    """The enabled rules that match the event of a decision, with their targets' ARNs."""
    context = context_of(request)
    detail = {
        key: value
        for key, value in package.items()
        if key not in ("CreationTime", "LastModifiedTime", "CreatedBy", "LastModifiedBy")
    }
    event = {
        "id": str(uuid.uuid4()),
        "version": "0",
        "account": context.account,
        "region": context.region,
        "time": datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "resources": [package["ModelPackageArn"]],
        "detail": detail
        | {"ModelApprovalStatus": status, "UpdatedModelPackageFields": ["ModelApprovalStatus"]},
    }
    found = []
    for rule in _all_rules(request):
        if rule.get("State") != "ENABLED" or "EventPattern" not in rule:
            continue
        pattern = rule["EventPattern"]
        matched = call(
            request, "TestEventPattern", "events", EventPattern=pattern, Event=json.dumps(event)
        )
        if matched["Result"]:
            targets = call(request, "ListTargetsByRule", "events", Rule=rule["Name"])["Targets"]
            found.append({"name": rule["Name"], "targets": [each["Arn"] for each in targets]})
    return found


def _all_rules(request: Request) -> Iterator[dict[str, Any]]:
    token: str | None = ""
    while token is not None:
        page = call(request, "ListRules", "events", Limit=100, NextToken=token)
        yield from page["Rules"]
        token = page.get("NextToken")


_VERSION = "/models/groups/{group}/{version}"
_PACKAGE = "/models/packages/{package}"
routes = [
    route
    for path in (_VERSION, _PACKAGE)
    for route in (
        Route(path, show),
        Route(f"{path}/events", follow),
        Route(f"{path}/charts/{{number}}.json", chart),
        Route(f"{path}/decision", decide, methods=["POST"]),
    )
]
