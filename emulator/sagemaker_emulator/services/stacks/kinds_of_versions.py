"""Versions, aliases and layers of Lambda's functions."""

from __future__ import annotations

from typing import Any

from sagemaker_emulator.services.stacks.kinds import Api, Kind, Made, Properties, kind, picked


@kind
class Version(Kind):
    """AWS::Lambda::Version."""

    name = "AWS::Lambda::Version"
    properties = frozenset(("CodeSha256", "Description", "FunctionName"))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Publish the function as it is."""
        version = api.client("lambda").publish_version(**picked(properties, *self.properties))
        arn = version["FunctionArn"]
        return Made(arn, {"FunctionArn": arn, "Version": version["Version"]})

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        api.client("lambda").delete_function(FunctionName=made.id)


@kind
class Alias(Kind):
    """AWS::Lambda::Alias."""

    name = "AWS::Lambda::Alias"
    naming = "Name"
    properties = frozenset(
        ("Description", "FunctionName", "FunctionVersion", "Name", "RoutingConfig")
    )
    replacing = frozenset(("FunctionName",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the alias."""
        alias = api.client("lambda").create_alias(Name=name, **_of_alias(properties))
        return Made(alias["AliasArn"], {"AliasArn": alias["AliasArn"]})

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Have it lead to another version."""
        name = made.id.rpartition(":")[2]
        request = {"RoutingConfig": {}, **_of_alias(properties)}
        api.client("lambda").update_alias(Name=name, **request)
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        name = made.id.rpartition(":")[2]
        api.client("lambda").delete_alias(FunctionName=properties["FunctionName"], Name=name)


def _of_alias(properties: Properties) -> dict[str, Any]:
    """An alias as the API takes it: CloudFormation has its weights as a list."""
    request = picked(properties, "Description", "FunctionName", "FunctionVersion")
    if weights := properties.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
        shares = {each["FunctionVersion"]: float(each["FunctionWeight"]) for each in weights}
        request["RoutingConfig"] = {"AdditionalVersionWeights": shares}
    return request


@kind
class LayerVersion(Kind):
    """AWS::Lambda::LayerVersion."""

    name = "AWS::Lambda::LayerVersion"
    naming = "LayerName"
    properties = frozenset(
        (
            *("CompatibleArchitectures", "CompatibleRuntimes", "Content", "Description"),
            *("LayerName", "LicenseInfo"),
        )
    )

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Publish the layer's next version."""
        request = picked(properties, *(self.properties - {"LayerName"}))
        layer = api.client("lambda").publish_layer_version(LayerName=name, **request)
        arn = layer["LayerVersionArn"]
        return Made(arn, {"LayerVersionArn": arn})

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete the version."""
        layer, _, number = made.id.rpartition(":")
        api.client("lambda").delete_layer_version(LayerName=layer, VersionNumber=int(number))
