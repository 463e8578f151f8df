"""AWS's managed IAM policies: attached, read, kept over a restart, and nobody's to change."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from local_context import local_context

from sagemaker_emulator.services.moto_fallback import MotoFallback

ARN = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def ask(moto: MotoFallback, **form: str) -> str:
    scope = "key/20261130/us-east-1/iam/aws4_request"
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=x",
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
    }
    body = urlencode({"Version": "2010-05-08", **form}).encode()
    reply = moto.respond("iam", "POST", "http://127.0.0.1:1/", headers, body)
    assert reply.status == 200, reply.body
    return reply.body.decode()


def test_attached_policy_and_its_id_outlive_a_restart(tmp_path: Path) -> None:
    moto = MotoFallback(local_context(tmp_path))
    ask(moto, Action="CreateRole", RoleName="role", AssumeRolePolicyDocument=TRUST)
    ask(moto, Action="AttachRolePolicy", RoleName="role", PolicyArn=ARN)
    before = ask(moto, Action="GetPolicy", PolicyArn=ARN)
    assert "<AttachmentCount>1</AttachmentCount>" in before
    restarted = MotoFallback(local_context(tmp_path))
    listed = ask(restarted, Action="ListAttachedRolePolicies", RoleName="role")
    assert re.findall("<PolicyArn>(.*)</PolicyArn>", listed) == [ARN]
    after = ask(restarted, Action="GetPolicy", PolicyArn=ARN)
    assert re.findall("<(PolicyId|AttachmentCount)>([^<]*)", after) == re.findall(
        "<(PolicyId|AttachmentCount)>([^<]*)", before
    )


def test_managed_policy_is_read_and_not_changed(emulator: Emulator, name: str) -> None:
    iam = emulator.client("iam")
    policy = iam.get_policy(PolicyArn=ARN)["Policy"]
    version = iam.get_policy_version(PolicyArn=ARN, VersionId=policy["DefaultVersionId"])
    statements = version["PolicyVersion"]["Document"]["Statement"]
    assert any("sagemaker:*" in each["Action"] for each in statements)
    document = {"Version": "2012-10-17", "Statement": [STATEMENT]}
    iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))
    pages = iam.get_paginator("list_policies").paginate(Scope="Local")
    own = [each["PolicyName"] for page in pages for each in page["Policies"]]
    assert name in own
    assert "AmazonSageMakerFullAccess" not in own
    with pytest.raises(ClientError, match=r"AccessDenied.*iam:DeletePolicy on resource"):
        iam.delete_policy(PolicyArn=ARN)
    assert iam.get_policy(PolicyArn=ARN)["Policy"] == policy
