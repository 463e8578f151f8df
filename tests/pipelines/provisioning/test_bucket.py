"""The bucket: a new one is protected, an existing one stays as it is."""

import json
from typing import Any

import pytest

from pipelines.parameters import no_model
from pipelines.provisioning import setup
from pipelines.provisioning import template as cloudformation
from pipelines.provisioning.item import SetupError
from pipelines.provisioning.kinds import storage
from pipelines.settings.model import Settings


def test_a_new_bucket_is_protected_as_in_the_template(
    aws: Any, on_aws: Settings, template: dict[str, Any]
) -> None:
    setup.setup(aws.session, on_aws)
    s3, name = aws.session.client("s3"), on_aws.bucket_name
    properties = template["Resources"]["Bucket"]["Properties"]
    access = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert access == properties["PublicAccessBlockConfiguration"]
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == on_aws.tag_list
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert [
        (
            rule["ID"],
            rule["Status"],
            rule["Filter"]["Prefix"],
            rule.get("Expiration", {}).get("Days"),
            rule.get("AbortIncompleteMultipartUpload"),
        )
        for rule in rules
    ] == [
        (
            rule["Id"],
            rule["Status"],
            rule.get("Prefix", ""),
            rule.get("ExpirationInDays"),
            rule.get("AbortIncompleteMultipartUpload"),
        )
        for rule in properties["LifecycleConfiguration"]["Rules"]
    ]
    written = cloudformation.properties("BucketPolicy", on_aws)["PolicyDocument"]
    assert [one["Sid"] for one in written["Statement"]] == ["OnlyEncryptedTransport"]
    assert json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]) == written


def test_a_bucket_that_cannot_be_protected_is_deleted(
    aws: Any, on_aws: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "lifecycle_rule", lambda rule: {"ID": "x", "Status": "Maybe"})
    with pytest.raises(SetupError, match="PutBucketLifecycleConfiguration"):
        setup.setup(aws.session, on_aws)
    assert aws.session.client("s3").list_buckets()["Buckets"] == []


def test_an_existing_bucket_is_not_changed(aws: Any, on_aws: Settings) -> None:
    s3 = aws.session.client("s3")
    s3.create_bucket(Bucket=on_aws.bucket_name)
    setup.setup(aws.session, on_aws)
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=on_aws.bucket_name)


def test_the_address_for_no_model_has_a_file(aws: Any, local: Settings) -> None:
    setup.setup(aws.session, local)
    key = no_model(local).split("/", 3)[3] + "README.txt"
    body = aws.session.client("s3").get_object(Bucket=local.bucket_name, Key=key)["Body"]
    assert b"no model is approved" in body.read()
