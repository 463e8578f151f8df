"""The template as a document: what it trusts, keeps and must not say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.provisioning import container_images, promoter
from pipelines.provisioning import template as cloudformation
from pipelines.root import ROOT
from pipelines.settings.layers import load
from pipelines.settings.names import STAGES


def test_only_one_branch_of_one_repository_may_retrain(template: dict[str, Any]) -> None:
    role = template["Resources"]["RetrainingRole"]["Properties"]
    condition = role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"]
    subject = condition["token.actions.githubusercontent.com:sub"]
    assert subject == "repo:${GitHubRepository}:ref:refs/heads/${GitHubBranch}"
    actions = [a for s in role["Policies"][0]["PolicyDocument"]["Statement"] for a in s["Action"]]
    assert not [a for a in actions if "*" in a or "Endpoint" in a or "UpdateModelPackage" in a]


@pytest.mark.parametrize(
    ("repository", "accepted"),
    [
        ("", True),
        ("octo-cat/my.repo", True),
        ("octo-cat@123456/my.repo@456789", True),
        ("octo-cat@123456/my.repo", False),
        ("octo-cat@*/my.repo@*", False),
        ("octo-cat/*", False),
        ("octo-cat/my.repo:ref:refs/heads/other", False),
    ],
)
def test_a_repository_is_named_as_in_githubs_tokens(
    template: dict[str, Any], repository: str, accepted: bool
) -> None:
    """With ids since July 2026, and without: what is trusted is one repository, word for word."""
    allowed = template["Parameters"]["GitHubRepository"]["AllowedPattern"]
    assert bool(re.fullmatch(allowed, repository)) == accepted


def test_resources_that_outlive_the_stack_can_be_left_out_of_the_next_one(
    template: dict[str, Any],
) -> None:
    """`RetainedResources=exist` leaves them out, so nothing else may refer to them."""
    resources = template["Resources"]
    kept = {name for name, one in resources.items() if one.get("DeletionPolicy") == "Retain"}
    assert kept == {
        "Bucket",
        "BucketPolicy",
        "ProcessingImages",
        "TrainingImages",
        "InferenceImages",
        "Models",
    }
    created = ("CreatesRetained", "CreatesRepositories")
    assert {name for name, one in resources.items() if one.get("Condition") in created} == kept
    others = [one for name, one in resources.items() if name not in kept]
    said = json.dumps([*others, template["Outputs"]])
    for name in kept:
        assert not re.search(rf'"{name}"|"{name}\.|\$\{{{name}\b', said), name


@pytest.mark.parametrize("stage", STAGES)
def test_the_template_has_what_the_stages_files_say(stage: str) -> None:
    settings = load("aws", {"PIPELINE_STAGE": stage})
    settings = settings.resolved("123456789012", container_images.tags())
    given = cloudformation.properties("Promotion", settings)["Environment"]["Variables"]
    wanted = promoter.environment(settings)
    assert given.keys() == wanted.keys()
    for name, text in wanted.items():
        if text.startswith("{"):
            assert json.loads(given[name]) == json.loads(text), name
        else:
            assert given[name] == text, name
    mapped = cloudformation.load()["Mappings"]["Stages"][settings.name]
    assert (mapped["Stage"], mapped["LogDays"]) == (stage, settings.security.log_days)
    # Without a number of days the template takes those, so none may be "for ever".
    assert mapped["LogDays"] > 0


def test_the_template_is_free_of_aliases() -> None:
    """CloudFormation refuses YAML anchors."""
    text = Path(ROOT / "infrastructure" / "tally.yaml").read_text()
    assert "<<:" not in text
