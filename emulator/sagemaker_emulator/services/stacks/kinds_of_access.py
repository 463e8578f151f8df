"""Roles, policies and identity providers of IAM, and keys of KMS."""

from __future__ import annotations

import json

from sagemaker_emulator.services.stacks.kinds import Api, Kind, Made, Properties, kind, picked


def _inline(properties: Properties) -> dict[str, str]:
    policies = properties.get("Policies", [])
    return {each["PolicyName"]: json.dumps(each["PolicyDocument"]) for each in policies}


@kind
class Role(Kind):
    """AWS::IAM::Role."""

    name = "AWS::IAM::Role"
    naming = "RoleName"
    properties = frozenset(
        (
            *("AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "Tags"),
            *("MaxSessionDuration", "Path", "PermissionsBoundary", "Policies"),
        )
    )
    replacing = frozenset(("Path",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the role, with its policies."""
        iam = api.client("iam")
        role = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
            **picked(
                properties, "Description", "MaxSessionDuration", "Path", "PermissionsBoundary"
            ),
            **picked(properties, "Tags"),
        )["Role"]
        return Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Give the role its policies, and take those that it has no longer."""
        iam, inline = api.client("iam"), _inline(properties)
        for policy, document in inline.items():
            iam.put_role_policy(RoleName=made.id, PolicyName=policy, PolicyDocument=document)
        for policy in _inline(before).keys() - inline.keys():
            iam.delete_role_policy(RoleName=made.id, PolicyName=policy)
        _attach(api, made.id, properties, before)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change trust, permissions, description and tags."""
        iam = api.client("iam")
        trust = json.dumps(properties["AssumeRolePolicyDocument"])
        iam.update_assume_role_policy(RoleName=made.id, PolicyDocument=trust)
        iam.update_role(
            RoleName=made.id,
            Description=properties.get("Description", ""),
            MaxSessionDuration=int(properties.get("MaxSessionDuration", 3600)),
        )
        self.configure(api, made, properties, before)
        if properties.get("Tags"):
            iam.tag_role(RoleName=made.id, Tags=properties["Tags"])
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete the role, with those of its policies that it was given."""
        iam = api.client("iam")
        given = set(iam.list_role_policies(RoleName=made.id)["PolicyNames"])
        for policy in sorted(given & _inline(properties).keys()):
            iam.delete_role_policy(RoleName=made.id, PolicyName=policy)
        attached = iam.list_attached_role_policies(RoleName=made.id)["AttachedPolicies"]
        arns = [each["PolicyArn"] for each in attached]
        had = [arn for arn in properties.get("ManagedPolicyArns", []) if arn in arns]
        _attach(api, made.id, {}, {"ManagedPolicyArns": had})
        iam.delete_role(RoleName=made.id)


def _attach(api: Api, role: str, properties: Properties, before: Properties) -> None:
    """Attach a role's managed policies, and detach those that it has no longer."""
    wanted = set(properties.get("ManagedPolicyArns", []))
    had = set(before.get("ManagedPolicyArns", []))
    for arn in sorted(wanted - had):
        api.client("iam").attach_role_policy(RoleName=role, PolicyArn=arn)
    for arn in sorted(had - wanted):
        api.client("iam").detach_role_policy(RoleName=role, PolicyArn=arn)


@kind
class Policy(Kind):
    """AWS::IAM::Policy: an inline policy of roles."""

    name = "AWS::IAM::Policy"
    naming = "PolicyName"
    properties = frozenset(("PolicyDocument", "Roles"))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Give the policy to the roles."""
        for role in properties.get("Roles", []):
            api.client("iam").put_role_policy(
                RoleName=role,
                PolicyName=name,
                PolicyDocument=json.dumps(properties["PolicyDocument"]),
            )
        return Made(name)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Give it to these roles, and take it from the others."""
        self.create(api, made.id, properties)
        lost = set(before.get("Roles", [])) - set(properties.get("Roles", []))
        self.delete(api, made, {"Roles": sorted(lost)})
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Take it from the roles."""
        for role in properties.get("Roles", []):
            api.client("iam").delete_role_policy(RoleName=role, PolicyName=made.id)


@kind
class ManagedPolicy(Kind):
    """AWS::IAM::ManagedPolicy."""

    name = "AWS::IAM::ManagedPolicy"
    naming = "ManagedPolicyName"
    properties = frozenset(("Description", "Path", "PolicyDocument", "Roles", "Tags"))
    replacing = frozenset(("Description", "Path"))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the policy; its ARN is its id."""
        policy = api.client("iam").create_policy(
            PolicyName=name,
            PolicyDocument=json.dumps(properties["PolicyDocument"]),
            **picked(properties, "Description", "Path"),
            **picked(properties, "Tags"),
        )["Policy"]
        return Made(policy["Arn"], {"PolicyArn": policy["Arn"], "PolicyId": policy["PolicyId"]})

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Attach it to the roles, and detach it from the others."""
        wanted, had = set(properties.get("Roles", [])), set(before.get("Roles", []))
        policy = {"ManagedPolicyArns": [made.id]}
        for role in sorted(wanted - had):
            _attach(api, role, policy, {})
        for role in sorted(had - wanted):
            _attach(api, role, {}, policy)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Make a new version of it the default; of five, the oldest goes."""
        iam = api.client("iam")
        versions = iam.list_policy_versions(PolicyArn=made.id)["Versions"]
        old = [one for one in versions if not one["IsDefaultVersion"]]
        if len(versions) >= 5:
            oldest = min(old, key=lambda one: one["CreateDate"])["VersionId"]
            iam.delete_policy_version(PolicyArn=made.id, VersionId=oldest)
        iam.create_policy_version(
            PolicyArn=made.id,
            PolicyDocument=json.dumps(properties["PolicyDocument"]),
            SetAsDefault=True,
        )
        self.configure(api, made, properties, before)
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it; IAM refuses that while anybody else has it attached, and so does this."""
        iam = api.client("iam")
        holders = iam.list_entities_for_policy(PolicyArn=made.id)
        roles = {each["RoleName"] for each in holders.get("PolicyRoles", [])}
        mine = roles & set(properties.get("Roles", []))
        others = sorted(roles - mine)
        users = [each for key in ("PolicyGroups", "PolicyUsers") for each in holders.get(key, [])]
        if who := [*others, *users]:
            raise RuntimeError(f"Cannot delete a policy attached to entities: {who}")
        for role in sorted(mine):
            _attach(api, role, {}, {"ManagedPolicyArns": [made.id]})
        for version in iam.list_policy_versions(PolicyArn=made.id)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=made.id, VersionId=version["VersionId"])
        iam.delete_policy(PolicyArn=made.id)


@kind
class OidcProvider(Kind):
    """AWS::IAM::OIDCProvider."""

    name = "AWS::IAM::OIDCProvider"
    properties = frozenset(("ClientIdList", "Tags", "ThumbprintList", "Url"))
    replacing = frozenset(("Url",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the provider; its ARN is its id."""
        arn = api.client("iam").create_open_id_connect_provider(
            Url=properties["Url"],
            ClientIDList=properties.get("ClientIdList", []),
            # IAM finds the thumbprint itself; moto wants one.
            ThumbprintList=properties.get("ThumbprintList", ["0" * 40]),
            **picked(properties, "Tags"),
        )["OpenIDConnectProviderArn"]
        return Made(arn, {"Arn": arn})

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        api.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=made.id)


@kind
class Key(Kind):
    """AWS::KMS::Key."""

    name = "AWS::KMS::Key"
    properties = frozenset(
        ("Description", "EnableKeyRotation", "KeyPolicy", "PendingWindowInDays", "Tags")
    )

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the key."""
        kms = api.client("kms")
        tags = [
            {"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])
        ]
        key = kms.create_key(
            Policy=json.dumps(properties["KeyPolicy"]),
            Tags=tags,
            **picked(properties, "Description"),
        )["KeyMetadata"]
        return Made(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Have it rotated, or no longer."""
        kms, rotate = api.client("kms"), bool(properties.get("EnableKeyRotation"))
        if rotate != bool(before.get("EnableKeyRotation")):
            (kms.enable_key_rotation if rotate else kms.disable_key_rotation)(KeyId=made.id)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change its policy, description and rotation."""
        kms = api.client("kms")
        policy = json.dumps(properties["KeyPolicy"])
        kms.put_key_policy(KeyId=made.id, PolicyName="default", Policy=policy)
        kms.update_key_description(KeyId=made.id, Description=properties.get("Description", ""))
        self.configure(api, made, properties, before)
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Schedule its deletion, as on AWS."""
        days = int(properties.get("PendingWindowInDays", 30))
        api.client("kms").schedule_key_deletion(KeyId=made.id, PendingWindowInDays=days)


@kind
class KeyAlias(Kind):
    """AWS::KMS::Alias."""

    name = "AWS::KMS::Alias"
    naming = "AliasName"
    properties = frozenset(("TargetKeyId",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Name the key."""
        api.client("kms").create_alias(AliasName=name, TargetKeyId=properties["TargetKeyId"])
        return Made(name)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Name another key."""
        api.client("kms").update_alias(AliasName=made.id, TargetKeyId=properties["TargetKeyId"])
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete the name."""
        api.client("kms").delete_alias(AliasName=made.id)
