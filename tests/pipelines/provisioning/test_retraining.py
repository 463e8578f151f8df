"""Retraining from GitHub: the template's role has the workflow's permissions, and no more."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.model import OperationModel

from pipelines.provisioning import container_images, definition_cache, sbom, setup, upsert
from pipelines.root import ROOT
from pipelines.settings.layers import load
from pipelines.settings.model import Settings
from pipelines.target import resolve

# Operations of S3 that have another name among the permissions.
S3_PERMISSIONS = {"ListObjectsV2": "ListBucket"}
# Permissions for `docker push`, from "IAM permissions for pushing" in ECR's user guide.
DOCKER_PUSH = {
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
}
# Permissions that only people have: those that decide which model serves.
FOR_PEOPLE = re.compile(
    r"\*|iam:(?!PassRole)|lambda:(?!Get)|Endpoint|UpdateModelPackage|CreateModel$|Delete|SetRepository"
)


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    return dict(template["Resources"])


@pytest.fixture(scope="module")
def allowed(resources: dict[str, Any]) -> set[str]:
    role = resources["RetrainingRole"]["Properties"]
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    return {action for statement in statements for action in statement["Action"]}


@pytest.fixture
def requested(aws: Any) -> set[str]:
    """The permissions for the session's requests, recorded as they are made."""
    needed: set[str] = set()

    def keep(model: OperationModel, **_: Any) -> None:
        service, name = model.service_model.signing_name, model.name
        needed.add(f"{service}:{S3_PERMISSIONS.get(name, name) if service == 's3' else name}")

    aws.session.events.register("before-call", keep)
    return needed


def test_it_may_push_images_and_upsert(
    aws: Any,
    on_aws: Settings,
    requested: set[str],
    allowed: set[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    setup.setup(aws.session, on_aws)
    monkeypatch.setattr(definition_cache, "FOLDER", tmp_path)
    # Each compilation finds another definition, so the pipeline is created and then updated.
    texts = iter(["{}", '{"Version": "2020-12-01"}'])
    monkeypatch.setattr(definition_cache, "_compile", lambda settings, module: next(texts))
    monkeypatch.setattr(sbom, "licences", lambda lock: {})  # downloads every package
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    requested.clear()
    container_images.push(aws.session, resolve(aws.session, load("aws", {})), print)
    for image in container_images.ours(on_aws).values():
        aws.put_image(image)
    for changed in (on_aws, on_aws.model_copy(update={"endpoint": "tally-other"})):
        upsert.upsert(aws.session, changed)

    assert {"ecr:GetAuthorizationToken", "s3:PutObject", "sagemaker:UpdatePipeline"} < requested
    # GetCallerIdentity needs no permission.
    assert (requested - {"sts:GetCallerIdentity"}) | DOCKER_PUSH <= allowed


def test_it_may_not_do_what_is_for_people_to_decide(allowed: set[str]) -> None:
    assert [action for action in allowed if FOR_PEOPLE.search(action)] == []


def test_its_session_lasts_as_long_as_the_workflow(resources: dict[str, Any]) -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "retrain.yml").read_text())
    job = workflow["jobs"]["retrain"]
    (asked_for,) = [
        step["with"]["role-duration-seconds"]
        for step in job["steps"]
        if "role-duration-seconds" in step.get("with", {})
    ]
    longest = resources["RetrainingRole"]["Properties"]["MaxSessionDuration"]
    assert job["timeout-minutes"] * 60 <= asked_for <= longest


def test_the_template_and_setup_create_the_same_repositories(
    aws: Any, on_aws: Settings, resources: dict[str, Any]
) -> None:
    setup.setup(aws.session, on_aws)
    made = aws.session.client("ecr").describe_repositories()["repositories"]
    described = [
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::ECR::Repository"
    ]
    assert [(each["RepositoryName"], each["ImageTagMutability"]) for each in described] == [
        (each["repositoryName"], each["imageTagMutability"]) for each in made
    ]
