"""The tags of this server's own resources, for moto's Resource Groups Tagging API."""

import re
from collections.abc import Iterator

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.tags import by_key
from sagemaker_emulator.services.alarms.alarms import KIND as ALARM
from sagemaker_emulator.services.events.rule import BUS, RULE
from sagemaker_emulator.services.functions.function import FUNCTION
from sagemaker_emulator.services.functions.source_mappings import MAPPING
from sagemaker_emulator.services.logs.common import group_arn
from sagemaker_emulator.services.logs.log_files import about_group, group_folders, group_name
from sagemaker_emulator.services.scaling.records import TARGET
from sagemaker_emulator.services.schedules.groups import GROUP
from sagemaker_emulator.services.stacks import stack as stacks

_SERVICES = (
    *("sagemaker", "lambda", "events", "scheduler", "logs", "cloudwatch"),
    *("application-autoscaling", "cloudformation"),
)


def join(context: Context) -> None:
    """Have moto list these resources beside its own.

    moto's TagResources reports each of them as failed: it would be replayed after a restart, and
    then undo what was changed since. Their own services tag them.
    """
    from moto.core.base_backend import BackendDict, BaseBackend
    from moto.core.resource_tagging import TaggableResourcesMixin, TaggedResource

    class Own(BaseBackend, TaggableResourcesMixin):
        SERVICE_NAMESPACE = "sagemaker"

        def iter_tagged_resources(self) -> Iterator[TaggedResource]:
            for arn, tags in _tagged(context):
                yield TaggedResource(arn, tags, _type_of(arn))

        def owns_arn(self, arn: str) -> bool:
            return arn.startswith(tuple(f"arn:aws:{each}:" for each in _SERVICES))

    instance = BackendDict(Own, "sagemaker")
    instance[context.account][context.region]


def _tagged(context: Context) -> Iterator[tuple[str, dict[str, str]]]:
    for kept in context.store.list("tags"):
        yield kept["Arn"], by_key(kept["Tags"])
    for function in context.store.list(FUNCTION):
        yield function["FunctionArn"], function["Tags"]
    for mapping in context.store.list(MAPPING):
        yield mapping["EventSourceMappingArn"], mapping["Tags"]
    for rule in context.store.list(RULE):
        yield rule["Arn"], rule.get("Tags", {})
    for bus in context.store.list(BUS):
        yield bus["Arn"], bus["Tags"]
    for alarm in context.store.list(ALARM):
        yield alarm["AlarmArn"], alarm["Tags"]
    for target in context.store.list(TARGET):
        yield target["ScalableTargetARN"], target.get("Tags", {})
    for schedule_group in context.store.list(GROUP):
        yield schedule_group["Arn"], schedule_group["Tags"]
    for stack in stacks.living(context):
        yield stack["StackId"], by_key(stack["Tags"])
    for folder in group_folders(context.state / "logs"):
        yield group_arn(context, group_name(folder)), about_group(folder).get("tags", {})


def _type_of(arn: str) -> str:
    """The type of a resource, as ResourceTypeFilters has it: `sagemaker:model`."""
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    return f"{service}:{re.split('[:/]', resource)[0]}"
