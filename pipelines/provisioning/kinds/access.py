"""Roles and managed policies."""

from typing import TYPE_CHECKING, cast

from pipelines import NAME
from pipelines.provisioning.item import Item, SetupError, error_code
from pipelines.provisioning.kinds.kind import Document, Kind, Resource, as_text
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from types_boto3_iam import IAMClient


class Role(Kind):
    """A role with one inline policy. Permissions that somebody else gave it are theirs."""

    word, service, named, arn = "role", "iam", "RoleName", "role/{}"

    def arn_of(self, settings: Settings, name: str) -> str:
        """The ARN; of the execution role, the one that the settings name."""
        if name == settings.global_name("execution"):
            return settings.role_arn
        return super().arn_of(settings, name)

    def ensure(self, session: "boto3.Session", settings: Settings, resource: Resource) -> Item:
        """Create the role, or give it the template's permissions.

        Raises:
            SetupError: The settings name a role that does not exist, or the role's permissions are
                for another place.
        """
        iam, name = session.client("iam"), resource.name
        arn = self.arn_of(settings, name)
        if arn != super().arn_of(settings, name):
            # The settings name another role: its permissions are its owner's to decide.
            own = arn.rsplit("/", 1)[1]
            if error_code(lambda: iam.get_role(RoleName=own)) == "NoSuchEntity":
                raise SetupError(f"The settings name a role that does not exist: {arn}.")
            return Item(self.word, own, "exists")
        (inline,) = resource.properties["Policies"]
        policy = inline["PolicyDocument"]
        exists = self.exists(session, resource)
        if not exists:
            iam.create_role(
                RoleName=name,
                AssumeRolePolicyDocument=as_text(resource.properties["AssumeRolePolicyDocument"]),
                Description=resource.properties.get("Description", "Created by Tally's setup."),
                Tags=resource.properties["Tags"],
            )
        # Without this policy, a person or a template made the role: its permissions are theirs.
        elif NAME not in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            return Item(self.word, name, "exists")
        else:
            current = iam.get_role_policy(RoleName=name, PolicyName=NAME)["PolicyDocument"]
            if current == policy:
                return Item(self.word, name, "exists")
            _check_place(name, cast(Document, current), settings)
        iam.put_role_policy(RoleName=name, PolicyName=NAME, PolicyDocument=as_text(policy))
        return Item(self.word, name, "updated" if exists else "created")

    def exists(self, session: "boto3.Session", resource: Resource) -> bool:
        """Whether there is a role of this name."""
        iam = session.client("iam")
        return error_code(lambda: iam.get_role(RoleName=resource.name)) is None

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete the role with its inline policies; policies that others attached are detached."""
        iam, name = session.client("iam"), resource.name
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for attached in _attached(iam, name):
            iam.detach_role_policy(RoleName=name, PolicyArn=attached)
        iam.delete_role(RoleName=name)


class ManagedPolicy(Kind):
    """A policy that people attach to groups and roles; the pipeline itself does not need it."""

    word, service, named, arn, ref = "policy", "iam", "ManagedPolicyName", "policy/{}", "arn"
    on_this_machine = False

    def ensure(self, session: "boto3.Session", settings: Settings, resource: Resource) -> Item:
        """Create the policy, or make the template's document its default version."""
        iam, document = session.client("iam"), resource.properties["PolicyDocument"]
        arn = self.arn_of(settings, resource.name)
        if error_code(lambda: iam.get_policy(PolicyArn=arn)):
            iam.create_policy(
                PolicyName=resource.name,
                PolicyDocument=as_text(document),
                Description=resource.properties["Description"],
            )
            return Item(self.word, resource.name, "created")
        versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
        (default,) = [one["VersionId"] for one in versions if one["IsDefaultVersion"]]
        current = iam.get_policy_version(PolicyArn=arn, VersionId=default)["PolicyVersion"]
        if current["Document"] == document:
            return Item(self.word, resource.name, "exists")
        _check_place(resource.name, cast(Document, current["Document"]), settings)
        others = [one for one in versions if not one["IsDefaultVersion"]]
        if len(versions) == 5:  # as many as a policy may have
            oldest = min(others, key=lambda one: one["CreateDate"])["VersionId"]
            iam.delete_policy_version(PolicyArn=arn, VersionId=oldest)
        iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=as_text(document), SetAsDefault=True
        )
        return Item(self.word, resource.name, "updated")

    def exists(self, session: "boto3.Session", resource: Resource) -> bool:
        """Whether the account has a policy of this name."""
        return self._arn(session, resource) is not None

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Detach the policy from everybody, and delete it with its versions."""
        iam, arn = session.client("iam"), self._arn(session, resource) or ""
        entities = iam.list_entities_for_policy(PolicyArn=arn)
        for role in entities["PolicyRoles"]:
            iam.detach_role_policy(RoleName=role["RoleName"], PolicyArn=arn)
        for group in entities["PolicyGroups"]:
            iam.detach_group_policy(GroupName=group["GroupName"], PolicyArn=arn)
        for user in entities["PolicyUsers"]:
            iam.detach_user_policy(UserName=user["UserName"], PolicyArn=arn)
        for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        iam.delete_policy(PolicyArn=arn)

    def _arn(self, session: "boto3.Session", resource: Resource) -> str | None:
        pages = session.client("iam").get_paginator("list_policies").paginate(Scope="Local")
        return next(
            (
                policy["Arn"]
                for page in pages
                for policy in page["Policies"]
                if policy["PolicyName"] == resource.name
            ),
            None,
        )


def _attached(iam: "IAMClient", role: str) -> list[str]:
    pages = iam.get_paginator("list_attached_role_policies").paginate(RoleName=role)
    return [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]]


def _check_place(name: str, policy: Document, settings: Settings) -> None:
    """Refuse to rewrite permissions for another place, which would disarm a pipeline there.

    Raises:
        SetupError: An ARN of the policy names another partition, region, account or stage.
    """
    partition = settings.arn("iam", "").split(":")[1]
    for statement in policy["Statement"]:
        if str(statement.get("Sid", "")).startswith("SharedRegistry"):
            continue  # another account's, by the settings
        resources = statement.get("Resource", [])
        for arn in [resources] if isinstance(resources, str) else resources:
            parts = arn.split(":", 5)
            if len(parts) < 6:  # `*`
                continue
            kind, _, group = parts[5].partition("/")
            elsewhere = (
                parts[1] != partition
                or parts[3] not in ("", settings.region)
                or parts[4] not in ("", settings.account_id)
                or (kind == "model-package-group" and group != settings.name)
            )
            if elsewhere:
                raise SetupError(
                    f"{name} has permissions for another place: {arn}. They stay as they are; this "
                    f"setup is for stage {settings.stage} in {settings.region}, account "
                    f"{settings.account_id}. Use another role (`role` in the settings), or delete "
                    f"the policy if nothing needs it."
                )
