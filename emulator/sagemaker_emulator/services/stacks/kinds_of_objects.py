"""Buckets of S3 and repositories of ECR."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.services.stacks.kinds import (
    Api,
    Kind,
    Made,
    Properties,
    kind,
    lowered,
)


@kind
class Bucket(Kind):
    """AWS::S3::Bucket."""

    name = "AWS::S3::Bucket"
    naming = "BucketName"
    properties = frozenset(
        (
            *("BucketEncryption", "LifecycleConfiguration", "PublicAccessBlockConfiguration"),
            *("OwnershipControls", "Tags"),
        )
    )
    unused = frozenset(("LoggingConfiguration", "VersioningConfiguration"))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the bucket."""
        api.client("s3").create_bucket(Bucket=name.lower())
        return Made(name.lower(), self._attributes(api, name.lower()))

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Configure it anew."""
        self.configure(api, made, properties, before)
        return made

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Set its configurations."""
        s3, name = api.client("s3"), made.id
        if block := properties.get("PublicAccessBlockConfiguration"):
            s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
        if controls := properties.get("OwnershipControls"):
            s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=controls)
        if encryption := properties.get("BucketEncryption"):
            rules = [
                {
                    "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
                    **({"BucketKeyEnabled": True} if rule.get("BucketKeyEnabled") else {}),
                }
                for rule in encryption["ServerSideEncryptionConfiguration"]
            ]
            s3.put_bucket_encryption(
                Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules}
            )
        if lifecycle := properties.get("LifecycleConfiguration"):
            rules = [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]
            s3.put_bucket_lifecycle_configuration(
                Bucket=name, LifecycleConfiguration={"Rules": rules}
            )
        elif before.get("LifecycleConfiguration"):
            s3.delete_bucket_lifecycle(Bucket=name)
        if properties.get("Tags"):
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": properties["Tags"]})

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it; S3 refuses that while it holds objects."""
        api.client("s3").delete_bucket(Bucket=made.id)

    @staticmethod
    def _attributes(api: Api, name: str) -> dict[str, Any]:
        return {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{api.region}.amazonaws.com",
        }


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as S3's API has it, which names some members differently."""
    made: dict[str, Any] = {
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
        **({"ID": rule["Id"]} if "Id" in rule else {}),
    }
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if rule.get("ExpiredObjectDeleteMarker"):
        made["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    for name in ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"):
        if name in rule:
            made[name] = {key: int(value) for key, value in rule[name].items()}
    return made


@kind
class BucketPolicy(Kind):
    """AWS::S3::BucketPolicy."""

    name = "AWS::S3::BucketPolicy"
    properties = frozenset(("Bucket", "PolicyDocument"))
    replacing = frozenset(("Bucket",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Set the policy."""
        api.client("s3").put_bucket_policy(
            Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"])
        )
        return Made(properties["Bucket"])

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Set another."""
        return self.create(api, made.id, properties)

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Take it away."""
        api.client("s3").delete_bucket_policy(Bucket=made.id)


@kind
class Repository(Kind):
    """AWS::ECR::Repository."""

    name = "AWS::ECR::Repository"
    naming = "RepositoryName"
    properties = frozenset(
        (
            *("EmptyOnDelete", "EncryptionConfiguration", "ImageScanningConfiguration"),
            *("ImageTagMutability", "LifecyclePolicy", "RepositoryPolicyText", "Tags"),
        )
    )
    replacing = frozenset(("EncryptionConfiguration",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the repository."""
        ecr = api.client("ecr")
        options: dict[str, Any] = {}
        if "ImageTagMutability" in properties:
            options["imageTagMutability"] = properties["ImageTagMutability"]
        for member in ("ImageScanningConfiguration", "EncryptionConfiguration"):
            if member in properties:
                options |= lowered({member: properties[member]})
        repository = ecr.create_repository(
            repositoryName=name.lower(), tags=properties.get("Tags", []), **options
        )["repository"]
        return Made(
            name.lower(),
            {"Arn": repository["repositoryArn"], "RepositoryUri": repository["repositoryUri"]},
        )

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change its settings."""
        ecr = api.client("ecr")
        ecr.put_image_tag_mutability(
            repositoryName=made.id,
            imageTagMutability=properties.get("ImageTagMutability", "MUTABLE"),
        )
        ecr.put_image_scanning_configuration(
            repositoryName=made.id,
            imageScanningConfiguration=lowered(
                properties.get("ImageScanningConfiguration", {"ScanOnPush": False})
            ),
        )
        self.configure(api, made, properties, before)
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it; ECR refuses that while it holds images, unless told otherwise."""
        force = bool(properties.get("EmptyOnDelete"))
        api.client("ecr").delete_repository(repositoryName=made.id, force=force)

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Set its policies."""
        ecr, name = api.client("ecr"), made.id
        if policy := properties.get("RepositoryPolicyText"):
            ecr.set_repository_policy(repositoryName=name, policyText=json.dumps(policy))
        elif before.get("RepositoryPolicyText"):
            ecr.delete_repository_policy(repositoryName=name)
        if lifecycle := properties.get("LifecyclePolicy"):
            ecr.put_lifecycle_policy(
                repositoryName=name, lifecyclePolicyText=lifecycle["LifecyclePolicyText"]
            )
