"""SageMaker: model package groups, pipelines, models, endpoints and how these scale."""

from __future__ import annotations

import json
from typing import Any

from sagemaker_emulator.services.stacks.kinds import (
    Api,
    Kind,
    Made,
    Properties,
    Requested,
    kind,
    picked,
)


@kind
class ModelPackageGroup(Kind):
    """AWS::SageMaker::ModelPackageGroup."""

    name = "AWS::SageMaker::ModelPackageGroup"
    naming = "ModelPackageGroupName"
    properties = frozenset(("ModelPackageGroupDescription", "ModelPackageGroupPolicy", "Tags"))
    replacing = frozenset(("ModelPackageGroupDescription",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the group; its ARN is its id."""
        sagemaker = api.client("sagemaker")
        arn = sagemaker.create_model_package_group(
            ModelPackageGroupName=name, **picked(properties, "ModelPackageGroupDescription", "Tags")
        )["ModelPackageGroupArn"]
        return Made(arn, {"ModelPackageGroupArn": arn, "ModelPackageGroupStatus": "Completed"})

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Set its policy and tags."""
        self.configure(api, made, properties, before)
        if properties.get("Tags"):
            api.client("sagemaker").add_tags(ResourceArn=made.id, Tags=properties["Tags"])
        return made

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Set its policy, or take it away."""
        sagemaker, name = api.client("sagemaker"), made.id.rsplit("/", 1)[1]
        if policy := properties.get("ModelPackageGroupPolicy"):
            sagemaker.put_model_package_group_policy(
                ModelPackageGroupName=name, ResourcePolicy=json.dumps(policy)
            )
        elif before.get("ModelPackageGroupPolicy"):
            sagemaker.delete_model_package_group_policy(ModelPackageGroupName=name)

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it; SageMaker refuses that while it holds versions."""
        name = made.id.rsplit("/", 1)[1]
        api.client("sagemaker").delete_model_package_group(ModelPackageGroupName=name)


@kind
class Pipeline(Kind):
    """AWS::SageMaker::Pipeline."""

    name = "AWS::SageMaker::Pipeline"
    naming = "PipelineName"
    properties = frozenset(
        (
            *("ParallelismConfiguration", "PipelineDefinition", "PipelineDescription"),
            *("PipelineDisplayName", "RoleArn", "Tags"),
        )
    )

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the pipeline."""
        api.client("sagemaker").create_pipeline(
            PipelineName=name,
            ClientRequestToken=name.ljust(32, "0"),
            **self._request(properties),
            **picked(properties, "Tags"),
        )
        return Made(name)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change it."""
        api.client("sagemaker").update_pipeline(PipelineName=made.id, **self._request(properties))
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        api.client("sagemaker").delete_pipeline(
            PipelineName=made.id, ClientRequestToken=made.id.ljust(32, "0")
        )

    @staticmethod
    def _request(properties: Properties) -> dict[str, Any]:
        definition = properties["PipelineDefinition"]
        request = picked(
            properties,
            *("ParallelismConfiguration", "PipelineDescription", "PipelineDisplayName", "RoleArn"),
        )
        if "PipelineDefinitionS3Location" in definition:
            where = definition["PipelineDefinitionS3Location"]
            request["PipelineDefinitionS3Location"] = {
                "Bucket": where["Bucket"],
                "ObjectKey": where["Key"],
            }
            return request
        return {**request, "PipelineDefinition": definition["PipelineDefinitionBody"]}


@kind
class Model(Requested):
    """AWS::SageMaker::Model."""

    name = "AWS::SageMaker::Model"
    naming = "ModelName"
    service, requests = "sagemaker", ("create_model", "delete_model")
    properties = frozenset(
        (
            *("Containers", "EnableNetworkIsolation", "ExecutionRoleArn"),
            *("InferenceExecutionConfig", "PrimaryContainer", "Tags", "VpcConfig"),
        )
    )


@kind
class EndpointConfig(Requested):
    """AWS::SageMaker::EndpointConfig."""

    name = "AWS::SageMaker::EndpointConfig"
    naming = "EndpointConfigName"
    service, requests = "sagemaker", ("create_endpoint_config", "delete_endpoint_config")
    properties = frozenset(
        (
            *("DataCaptureConfig", "KmsKeyId", "ProductionVariants"),
            *("ShadowProductionVariants", "Tags"),
        )
    )


@kind
class Endpoint(Kind):
    """AWS::SageMaker::Endpoint."""

    name = "AWS::SageMaker::Endpoint"
    naming = "EndpointName"
    properties = frozenset(
        (
            *("DeploymentConfig", "EndpointConfigName", "ExcludeRetainedVariantProperties"),
            *("RetainAllVariantProperties", "RetainDeploymentConfig", "Tags"),
        )
    )

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the endpoint."""
        api.client("sagemaker").create_endpoint(
            EndpointName=name,
            **picked(properties, "DeploymentConfig", "EndpointConfigName", "Tags"),
        )
        return Made(name, {"EndpointName": name})

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Wait until it serves its configuration."""
        sagemaker, wanted = api.client("sagemaker"), properties["EndpointConfigName"]
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=made.id, WaiterConfig={"Delay": 1, "MaxAttempts": 14_400})
        now = sagemaker.describe_endpoint(EndpointName=made.id)
        if now["EndpointConfigName"] != wanted:
            raise RuntimeError(now.get("FailureReason", f"{made.id} does not serve {wanted}"))

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Serve another configuration, and wait until it does."""
        request = picked(properties, *(self.properties - {"Tags"}))
        api.client("sagemaker").update_endpoint(EndpointName=made.id, **request)
        self.configure(api, made, properties, before)
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it, and wait until it is gone."""
        sagemaker = api.client("sagemaker")
        sagemaker.delete_endpoint(EndpointName=made.id)
        sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=made.id)


@kind
class ScalableTarget(Kind):
    """AWS::ApplicationAutoScaling::ScalableTarget."""

    name = "AWS::ApplicationAutoScaling::ScalableTarget"
    properties = frozenset(
        (
            *("MaxCapacity", "MinCapacity", "ResourceId", "RoleARN"),
            *("ScalableDimension", "ServiceNamespace", "SuspendedState"),
        )
    )
    replacing = frozenset(("ResourceId", "ScalableDimension", "ServiceNamespace"))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Register the target."""
        request = picked(properties, *self.properties)
        for number in ("MaxCapacity", "MinCapacity"):
            request[number] = int(request[number])
        api.client("application-autoscaling").register_scalable_target(**request)
        return Made("|".join(properties[key] for key in _TARGET))

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Register it with other limits."""
        return self.create(api, made.id, properties)

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Take it out."""
        api.client("application-autoscaling").deregister_scalable_target(
            **picked(properties, *_TARGET)
        )


_TARGET = ("ResourceId", "ScalableDimension", "ServiceNamespace")


@kind
class ScalingPolicy(Kind):
    """AWS::ApplicationAutoScaling::ScalingPolicy."""

    name = "AWS::ApplicationAutoScaling::ScalingPolicy"
    naming = "PolicyName"
    properties = frozenset(
        (
            *("PolicyType", *_TARGET, "ScalingTargetId"),
            *("TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration"),
        )
    )
    replacing = frozenset((*_TARGET, "ScalingTargetId"))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Put the policy; its ARN is its id."""
        arn = api.client("application-autoscaling").put_scaling_policy(
            PolicyName=name,
            **self._target(properties),
            **picked(properties, *(self.properties - {*_TARGET, "ScalingTargetId"})),
        )["PolicyARN"]
        return Made(arn, {"Arn": arn})

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Put it anew."""
        return self.create(api, str(properties["PolicyName"]), properties)

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        name = made.id.rsplit("policyName/", 1)[1]
        api.client("application-autoscaling").delete_scaling_policy(
            PolicyName=name, **self._target(properties)
        )

    @staticmethod
    def _target(properties: Properties) -> dict[str, str]:
        if "ScalingTargetId" in properties:
            return dict(zip(_TARGET, properties["ScalingTargetId"].split("|"), strict=True))
        return picked(properties, *_TARGET)
