"""The check of IAM policies in a template, on small templates with a known fault or none."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-scan" / "bin" / "python"
pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="the scanners are not installed: make .venv-scan/.ready"
)
TEMPLATE = """
Resources:
  Queue: {{Type: AWS::SQS::Queue}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action: [{action}]
                Resource: [{resource}]
"""
INTENDED = (
    "- {policies: [Role], finding: RESOURCE_MISMATCH, actions: ['s3:GetObject'], reason: a test}\n"
)


def check(folder: Path, action: str, resource: str, intended: str = "[]") -> tuple[int, str]:
    template, configuration = folder / "template.yaml", folder / "policies.yaml"
    template.write_text(TEMPLATE.format(action=action, resource=resource))
    configuration.write_text(intended)
    done = subprocess.run(
        [PYTHON, ROOT / "scanners" / "policies.py", template, configuration],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sqs:SendMessage", "!GetAtt Queue.Arn"),
        ("s3:GetObject", '!Sub "arn:${AWS::Partition}:s3:::bins-${AWS::AccountId}/*"'),
        ("s3:GetObject", '!Join ["", ["arn:aws:s3:::", !Ref Bucket, "/*"]]'),
    ],
)
def test_a_right_policy_passes_with_functions_resolved(
    tmp_path: Path, action: str, resource: str
) -> None:
    assert check(tmp_path, action, resource) == (0, "")


def test_an_action_that_its_resource_cannot_have_is_found(tmp_path: Path) -> None:
    code, text = check(tmp_path, "s3:GetObject", "!GetAtt Queue.Arn")
    assert code == 1
    assert "Role RESOURCE_MISMATCH s3:GetObject" in text


def test_an_unknown_action_is_found(tmp_path: Path) -> None:
    code, text = check(tmp_path, "sqs:SendMesage", "!GetAtt Queue.Arn")
    assert code == 1
    assert "UNKNOWN_ACTION" in text


def test_an_intended_finding_passes(tmp_path: Path) -> None:
    assert check(tmp_path, "s3:GetObject", "!GetAtt Queue.Arn", INTENDED) == (0, "")


def test_an_intention_without_its_finding_fails(tmp_path: Path) -> None:
    code, text = check(tmp_path, "sqs:SendMessage", "!GetAtt Queue.Arn", INTENDED)
    assert code == 1
    assert "remove it" in text
