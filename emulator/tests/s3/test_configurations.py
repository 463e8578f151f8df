"""Configurations of buckets are kept and given back."""

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError
from s3_server import BUCKET, Server, code, signed_request

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*"}]}'
RULES: dict[str, tuple[str, str, Any]] = {
    "lifecycle": (
        "bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        {"Rules": [{"ID": "r", "Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}}]},
    ),
    "cors": (
        "bucket_cors",
        "CORSConfiguration",
        {"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]},
    ),
    "encryption": (
        "bucket_encryption",
        "ServerSideEncryptionConfiguration",
        {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]},
    ),
    "access": (
        "public_access_block",
        "PublicAccessBlockConfiguration",
        {"BlockPublicAcls": False, "IgnorePublicAcls": True},
    ),
    "ownership": (
        "bucket_ownership_controls",
        "OwnershipControls",
        {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
    ),
    "notification": (
        "bucket_notification_configuration",
        "NotificationConfiguration",
        {"EventBridgeConfiguration": {}},
    ),
}


@pytest.mark.parametrize("kind", RULES)
def test_configuration_is_given_back_after_a_restart(own_server: Server, kind: str) -> None:
    name, member, document = RULES[kind]
    client: Any = own_server.client()
    getattr(client, f"put_{name}")(Bucket=BUCKET, **{member: document})
    own_server.stop()
    own_server.start()
    client = own_server.client()
    found = getattr(client, f"get_{name}")(Bucket=BUCKET)
    found = found.get(member, found)
    assert {key: found[key] for key in document} == document


def test_defaults_of_a_new_bucket(client: "S3Client") -> None:
    client.create_bucket(Bucket="new-bucket")
    try:
        block = client.get_public_access_block(Bucket="new-bucket")
        assert all(block["PublicAccessBlockConfiguration"].values())
        rules = client.get_bucket_encryption(Bucket="new-bucket")
        rule = rules["ServerSideEncryptionConfiguration"]["Rules"][0]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        ownership = client.get_bucket_ownership_controls(Bucket="new-bucket")
        assert ownership["OwnershipControls"]["Rules"] == [
            {"ObjectOwnership": "BucketOwnerEnforced"}
        ]
        assert "Status" not in client.get_bucket_versioning(Bucket="new-bucket")
        calls: tuple[tuple[Any, str], ...] = (
            (client.get_bucket_policy, "NoSuchBucketPolicy"),
            (client.get_bucket_cors, "NoSuchCORSConfiguration"),
            (client.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
            (client.get_bucket_tagging, "NoSuchTagSet"),
            (client.get_bucket_website, "NoSuchWebsiteConfiguration"),
        )
        for call, answer in calls:
            with pytest.raises(ClientError) as refused:
                call(Bucket="new-bucket")
            assert code(refused) == (answer, 404)
    finally:
        client.delete_bucket(Bucket="new-bucket")


def test_policy_is_kept_and_a_wrong_one_refused(client: "S3Client") -> None:
    client.put_bucket_policy(Bucket=BUCKET, Policy=POLICY)
    assert client.get_bucket_policy(Bucket=BUCKET)["Policy"] == POLICY
    for text in ("", "nonsense", "[]", "{}", "{" * 10_000, " " * 30_000, '{"Statement": NaN}'):
        with pytest.raises(ClientError) as refused:
            client.put_bucket_policy(Bucket=BUCKET, Policy=text)
        assert code(refused)[1] == 400
    assert client.get_bucket_policy(Bucket=BUCKET)["Policy"] == POLICY
    client.delete_bucket_policy(Bucket=BUCKET)


def test_deleted_bucket_leaves_nothing_to_the_next_of_its_name(client: "S3Client") -> None:
    client.create_bucket(Bucket="twice")
    client.put_bucket_policy(Bucket="twice", Policy=POLICY)
    client.delete_bucket(Bucket="twice")
    client.create_bucket(Bucket="twice")
    with pytest.raises(ClientError) as refused:
        client.get_bucket_policy(Bucket="twice")
    assert code(refused) == ("NoSuchBucketPolicy", 404)
    client.delete_bucket(Bucket="twice")


def test_what_is_not_carried_out_is_refused_by_name(client: "S3Client") -> None:
    client.put_object(Bucket=BUCKET, Key="k", Body=b"")
    calls: tuple[tuple[Any, dict[str, Any], str], ...] = (
        (
            client.put_bucket_versioning,
            {"VersioningConfiguration": {"Status": "Enabled"}},
            "PutBucketVersioning",
        ),
        (client.restore_object, {"Key": "k", "RestoreRequest": {"Days": 1}}, "RestoreObject"),
        (client.put_object, {"Key": "k", "Body": b"", "ObjectLockMode": "GOVERNANCE",
                             "ObjectLockRetainUntilDate": 0}, "x-amz-object-lock"),
        (client.put_object, {"Key": "k", "Body": b"", "StorageClass": "GLACIER"}, "GLACIER"),
        (client.put_object, {"Key": "k", "Body": b"", "GrantRead": "id=1"}, "x-amz-grant-read"),
    )  # fmt: skip
    for call, arguments, name in calls:
        with pytest.raises(ClientError, match=name) as refused:
            call(Bucket=BUCKET, **arguments)
        assert code(refused) == ("NotImplemented", 501)
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=BUCKET, Key="k", Body=b"", ACL="public-read")
    assert code(refused) == ("AccessControlListNotSupported", 400)
    with pytest.raises(ClientError) as refused:
        client.get_object(Bucket=BUCKET, Key="k", VersionId="x" * 32)
    assert code(refused) == ("NoSuchVersion", 404)
    with pytest.raises(ClientError) as refused:
        client.list_objects_v2(Bucket=BUCKET, ExpectedBucketOwner="1" * 12)
    assert code(refused) == ("AccessDenied", 403)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("cors", "<CORSConfiguration/>"),
        ("cors", "<CORSConfiguration><Rule/></CORSConfiguration>"),
        (
            "cors",
            "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin>"
            "<AllowedMethod>ANY</AllowedMethod></CORSRule></CORSConfiguration>",
        ),
        ("lifecycle", "<LifecycleConfiguration><Rule/></LifecycleConfiguration>"),
        ("ownershipControls", "<OwnershipControls><Rule/></OwnershipControls>"),
        ("encryption", "<LifecycleConfiguration/>"),
    ],
)
def test_configuration_that_is_none_is_refused(server: Server, name: str, body: str) -> None:
    path = f"/{BUCKET}?{name}"
    request = signed_request(server, "PUT", path)
    answer = httpx.put(f"{server.url}{path}", headers=dict(request.headers), content=body)
    assert answer.status_code == 400
    assert "<Code>MalformedXML</Code>" in answer.text
