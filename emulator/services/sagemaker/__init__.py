"""The SageMaker operations, a file for each kind of resource.

A module may define `start(context)`, called when the server comes up, and `stop(context)`.
"""

from emulator.services.sagemaker import (
    callbacks,
    endpoint_configs,
    groups,
    hosting,
    models,
    pipeline_executions,
    pipelines,
    processing,
    registry,
    tags,
    training,
    transform,
    tuning,
)

MODULES = [
    tags,
    models,
    groups,
    registry,
    processing,
    training,
    transform,
    endpoint_configs,
    hosting,
    # After training, whose interrupted jobs it must find ended.
    tuning,
    pipelines,
    callbacks,
    # Last: executions that are gone on with call the others.
    pipeline_executions,
]
