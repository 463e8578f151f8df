"""The model registry's groups and their versions, and models."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sagemaker_emulator.console import lists, model_version
from sagemaker_emulator.console.pages import Section, call, render, url
from sagemaker_emulator.errors import ApiError

SECTION = Section("Models", "/console/models")
STATUSES = ("Approved", "PendingManualApproval", "Rejected")


def show_groups(request: Request) -> Response:
    """The list of model package groups, each with its latest version."""
    found = lists.page(request, "ListModelPackageGroups", "ModelPackageGroupSummaryList")
    latest = {}
    for group in found.items:
        name = group["ModelPackageGroupName"]
        latest[name] = next(iter(_versions(request, name, MaxResults=1)["items"]), None)
    return render(request, "model_groups.html.j2", found=found, latest=latest)


def show_group(request: Request) -> Response:
    """The versions of a group, latest first, of one approval status or all."""
    name = request.path_params["group"]
    group = call(request, "DescribeModelPackageGroup", ModelPackageGroupName=name)
    status = request.query_params.get("approval", "")
    after = request.query_params.get("after", "")
    found = _versions(request, name, MaxResults=100, NextToken=after, ModelApprovalStatus=status)
    return render(
        request, "model_group.html.j2", group=group, found=found, chosen=status, statuses=STATUSES
    )


def _versions(request: Request, group: str, **members: Any) -> dict[str, Any]:
    response = call(
        request,
        "ListModelPackages",
        ModelPackageGroupName=group,
        SortBy="CreationTime",
        SortOrder="Descending",
        **members,
    )
    return {
        "items": response["ModelPackageSummaryList"],
        "next": response.get("NextToken", ""),
    }


def show_models(request: Request) -> Response:
    """The list of models, which endpoints and transform jobs serve."""
    return render(request, "model_list.html.j2", found=lists.page(request, "ListModels", "Models"))


def show_model(request: Request) -> Response:
    """What a model consists of."""
    name = request.path_params["model"]
    model = call(request, "DescribeModel", ModelName=name)
    containers = model.get("Containers") or [model["PrimaryContainer"]]
    return render(request, "model.html.j2", model=model, containers=containers)


def show_packages(request: Request) -> Response:
    """The list of model packages that belong to no group."""
    found = lists.page(
        request, "ListModelPackages", "ModelPackageSummaryList", ModelPackageType="Unversioned"
    )
    return render(request, "model_packages.html.j2", found=found)


def find(request: Request) -> Response:
    """Redirect to the page of the model package of an ARN."""
    arn = request.query_params.get("arn", "")
    name = arn.partition(":model-package/")[2]
    if not name:
        raise ApiError("ValidationException", f"{arn!r} is not the ARN of a model package.", 400)
    group, slash, version = name.partition("/")
    path = url("models", "groups", group, version) if slash else url("models", "packages", name)
    return RedirectResponse(path, 303)


routes = [
    Route("/models", show_groups),
    Route("/models/find", find),
    Route("/models/groups/{group}", show_group),
    Route("/models/packages", show_packages),
    Route("/models/plain", show_models),
    Route("/models/plain/{model}", show_model),
    *model_version.routes,
]
