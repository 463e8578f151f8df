"""The SageMaker operations, a file for each kind of resource.

A module may define `start(context)`, called when the server comes up, and `stop(context)`.
"""

from emulator.services.sagemaker import (
    models,
    pipeline_executions,
    pipelines,
    processing,
    registry,
    tags,
    training,
)

MODULES = [
    tags,
    models,
    registry,
    processing,
    training,
    pipelines,
    # Last: executions that are gone on with call the others.
    pipeline_executions,
]
