"""The template as a document: what it trusts, keeps and must not say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.root import ROOT


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


def test_the_template_is_free_of_aliases() -> None:
    """CloudFormation refuses YAML anchors."""
    text = Path(ROOT / "infrastructure" / "tally.yaml").read_text()
    assert "<<:" not in text
