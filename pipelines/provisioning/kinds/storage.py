"""What outlives a stack: the bucket, the image repositories and the model package group."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipelines import NAME
from pipelines.provisioning.item import Item, SetupError, error_code
from pipelines.provisioning.kinds import sharing, versioning
from pipelines.provisioning.kinds.kind import Attached, Document, Kind, Resource, as_text
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import LifecycleRuleTypeDef
    from types_boto3_sagemaker import SageMakerClient


class Bucket(Kind):
    """A bucket; one that exists stays as it is, but for a note."""

    word, service, named = "bucket", "s3", "BucketName"

    def ensure(self, session: "boto3.Session", settings: Settings, resource: Resource) -> Item:
        """Create and protect the bucket; of one that exists, note what does not protect it.

        Raises:
            SetupError: The bucket belongs to somebody else.
        """
        s3, name = session.client("s3"), resource.name
        code = error_code(lambda: s3.head_bucket(Bucket=name))
        if code == "403":
            raise SetupError(
                f"The bucket {name} exists, but these credentials may not use it: it belongs to "
                "somebody else, or s3:ListBucket is missing. To use another one, set `bucket`."
            )
        if code is None:
            return Item(self.word, name, "exists", versioning.note(s3, settings, name))
        if settings.region == "us-east-1":  # the one region that must not be named
            s3.create_bucket(Bucket=name)
        else:
            location: Any = {"LocationConstraint": settings.region}
            s3.create_bucket(Bucket=name, CreateBucketConfiguration=location)
        if settings.target != "local":  # the emulator's objects are files that nobody else sees
            try:
                protect(s3, resource)
            except Exception:
                s3.delete_bucket(Bucket=name)  # or the next setup would leave it as it is
                raise
        return Item(self.word, name, "created")

    def exists(self, session: "boto3.Session", resource: Resource) -> bool:
        """Whether the bucket is there, and may be used."""
        return error_code(lambda: session.client("s3").head_bucket(Bucket=resource.name)) is None

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete every version of every object, and the bucket."""
        s3, name = session.client("s3"), resource.name
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            every = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            # A page has at most a thousand, which is as many as one request deletes.
            objects: Any = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in every]
            if objects:
                s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
        s3.delete_bucket(Bucket=name)


class BucketPolicy(Attached):
    """The policy of a bucket that `setup` created; another bucket's policy is its owner's."""

    word, service, named = "bucket policy", "s3", "Bucket"
    on_this_machine = False

    def ensure(self, session: "boto3.Session", settings: Settings, resource: Resource) -> Item:
        """Put the template's statements into the bucket's policy; other statements stay."""
        s3 = session.client("s3")
        if {"Key": "project", "Value": NAME} not in _tags(s3, resource.name):
            return Item(self.word, resource.name, "exists")
        current = None
        if self.exists(session, resource):
            current = json.loads(s3.get_bucket_policy(Bucket=resource.name)["Policy"])
        policy = sharing.merged(current, resource.properties["PolicyDocument"], settings)
        if policy is None or sharing.same(current, policy):
            return Item(self.word, resource.name, "exists")
        s3.put_bucket_policy(Bucket=resource.name, Policy=as_text(policy))
        return Item(self.word, resource.name, "updated" if current else "created")

    def exists(self, session: "boto3.Session", resource: Resource) -> bool:
        """Whether the bucket has a policy."""
        from botocore.exceptions import ClientError

        try:
            session.client("s3").get_bucket_policy(Bucket=resource.name)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchBucketPolicy", "NoSuchBucket"):
                return False
            raise
        return True


def _tags(s3: "S3Client", bucket: str) -> Sequence[object]:
    from botocore.exceptions import ClientError

    try:
        return s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchTagSet":
            return []
        raise


class Repository(Kind):
    """An image repository."""

    word, service, named, arn = "image repository", "ecr", "RepositoryName", "repository/{}"
    on_this_machine = False

    def ensure(self, session: "boto3.Session", settings: Settings, resource: Resource) -> Item:
        """Create the repository, and give other accounts the access that the settings name."""
        wanted = resource.properties
        if self.exists(session, resource):
            changed = _share_images(session, settings, resource)
            return Item(self.word, resource.name, "updated" if changed else "exists")
        session.client("ecr").create_repository(
            repositoryName=resource.name,
            imageTagMutability=wanted["ImageTagMutability"],
            imageScanningConfiguration={
                "scanOnPush": wanted["ImageScanningConfiguration"]["ScanOnPush"]
            },
            tags=wanted["Tags"],
        )
        _share_images(session, settings, resource)
        return Item(self.word, resource.name, "created")

    def exists(self, session: "boto3.Session", resource: Resource) -> bool:
        """Whether the repository is there."""
        ecr = session.client("ecr")
        try:
            ecr.describe_repositories(repositoryNames=[resource.name])
        except ecr.exceptions.RepositoryNotFoundException:
            return False
        return True

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete the repository with its images."""
        session.client("ecr").delete_repository(repositoryName=resource.name, force=True)


class PackageGroup(Kind):
    """A model package group: the registry."""

    word, service, named = "model package group", "sagemaker", "ModelPackageGroupName"
    arn, ref = "model-package-group/{}", "arn"

    def ensure(self, session: "boto3.Session", settings: Settings, resource: Resource) -> Item:
        """Create the group, and give other accounts the access that the settings name."""
        if self.exists(session, resource):
            changed = _share_versions(session, settings, resource)
            return Item(self.word, resource.name, "updated" if changed else "exists")
        session.client("sagemaker").create_model_package_group(
            ModelPackageGroupName=resource.name,
            ModelPackageGroupDescription=resource.properties["ModelPackageGroupDescription"],
            Tags=resource.properties["Tags"],
        )
        _share_versions(session, settings, resource)
        return Item(self.word, resource.name, "created")

    def exists(self, session: "boto3.Session", resource: Resource) -> bool:
        """Whether the group is there."""
        # A page has ten groups, and other groups may have the name in theirs.
        listing = session.client("sagemaker").get_paginator("list_model_package_groups")
        return any(
            group["ModelPackageGroupName"] == resource.name
            for page in listing.paginate(NameContains=resource.name)
            for group in page["ModelPackageGroupSummaryList"]
        )

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete every version, and the group."""
        client, name = session.client("sagemaker"), resource.name
        listing = client.get_paginator("list_model_packages")
        versions = [
            version["ModelPackageArn"]
            for page in listing.paginate(ModelPackageGroupName=name)
            for version in page["ModelPackageSummaryList"]
        ]
        for version in versions:
            client.delete_model_package(ModelPackageName=version)
        client.delete_model_package_group(ModelPackageGroupName=name)


def _share_images(session: "boto3.Session", settings: Settings, resource: Resource) -> bool:
    """Bring the repository's policy to what is wanted; return whether it has changed."""
    ecr, name = session.client("ecr"), resource.name
    try:
        current = json.loads(ecr.get_repository_policy(repositoryName=name)["policyText"])
    except ecr.exceptions.RepositoryPolicyNotFoundException:
        current = None
    policy = sharing.merged(current, resource.properties.get("RepositoryPolicyText"), settings)
    if sharing.same(current, policy):
        return False
    if policy:
        ecr.set_repository_policy(repositoryName=name, policyText=as_text(policy))
    else:
        ecr.delete_repository_policy(repositoryName=name)
    return True


def _share_versions(session: "boto3.Session", settings: Settings, resource: Resource) -> bool:
    """Bring the group's policy to what is wanted; return whether it has changed."""
    if settings.target == "local":  # one account
        return False
    client, name = session.client("sagemaker"), resource.name
    current = _group_policy(client, name)
    policy = sharing.merged(current, resource.properties.get("ModelPackageGroupPolicy"), settings)
    if sharing.same(current, policy):
        return False
    if policy:
        client.put_model_package_group_policy(
            ModelPackageGroupName=name, ResourcePolicy=as_text(policy)
        )
    else:
        client.delete_model_package_group_policy(ModelPackageGroupName=name)
    return True


def _group_policy(client: "SageMakerClient", group: str) -> Document | None:
    from botocore.exceptions import ClientError

    try:
        text = client.get_model_package_group_policy(ModelPackageGroupName=group)["ResourcePolicy"]
    except ClientError as error:
        if "Cannot find" in error.response["Error"].get("Message", ""):
            return None
        raise
    policy: Document = json.loads(text)
    return policy


def protect(s3: "S3Client", resource: Resource) -> None:
    """Set what S3 does not set by itself; without a key it encrypts every new object (SSE-S3)."""
    name, wanted = resource.name, resource.properties
    (rule,) = wanted["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    by_default = rule["ServerSideEncryptionByDefault"]
    if by_default["SSEAlgorithm"] != "AES256":
        encryption: Any = {
            "ApplyServerSideEncryptionByDefault": by_default,
            "BucketKeyEnabled": rule["BucketKeyEnabled"],
        }
        s3.put_bucket_encryption(
            Bucket=name, ServerSideEncryptionConfiguration={"Rules": [encryption]}
        )
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=wanted["VersioningConfiguration"])
    s3.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration=wanted["PublicAccessBlockConfiguration"]
    )
    rules = [lifecycle_rule(rule) for rule in wanted["LifecycleConfiguration"]["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": wanted["Tags"]})


def lifecycle_rule(rule: Document) -> "LifecycleRuleTypeDef":
    """A rule in the form of S3's API, which names the same members differently."""
    converted: LifecycleRuleTypeDef = {
        "ID": rule["Id"],
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
    }
    if "ExpirationInDays" in rule:
        converted["Expiration"] = {"Days": rule["ExpirationInDays"]}
    if "NoncurrentVersionExpiration" in rule:
        converted["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    if "AbortIncompleteMultipartUpload" in rule:
        converted["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return converted
