"""Every service that is run here, in the order in which they start."""

from types import ModuleType

from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.endpoints import configs, invoke
from sagemaker_emulator.sagemaker.endpoints import operations as endpoints
from sagemaker_emulator.sagemaker.jobs import processing, training
from sagemaker_emulator.sagemaker.pipelines import callback_operations, execution_operations
from sagemaker_emulator.sagemaker.pipelines import operations as pipelines
from sagemaker_emulator.sagemaker.registry import groups, models, packages
from sagemaker_emulator.sagemaker.transform import operations as transform
from sagemaker_emulator.sagemaker.tuning import operations as tuning
from sagemaker_emulator.services.events import operations as events
from sagemaker_emulator.services.functions import operations as functions
from sagemaker_emulator.services.logs import operations as logs

# A module may define `start(context)`, called when the server comes up, and `stop(context)`.
MODULES: list[ModuleType] = [
    logs,
    functions,
    events,
    tags,
    models,
    groups,
    packages,
    processing,
    training,
    transform,
    configs,
    endpoints,
    # After training, whose interrupted jobs it must find ended.
    tuning,
    pipelines,
    callback_operations,
    # Last: executions that are gone on with call the others.
    execution_operations,
    invoke,
]
