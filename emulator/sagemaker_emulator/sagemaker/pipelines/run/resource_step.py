"""Steps that are one SageMaker resource: attempted, retried by policy, cached and resumed."""

import itertools
import time

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.retries import delay
from sagemaker_emulator.sagemaker.pipelines.run.step_cache import keep_result, reuse_result
from sagemaker_emulator.sagemaker.pipelines.run.step_resource import AttemptError, StepResource
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun

# How the emulator ends a job that was running when it shut down.
_INTERRUPTED = "InternalServerError"


def run_resource_step(run: StepRun) -> None:
    """Run a step of one of RESOURCE_STEPS to its end and record its properties.

    Raises:
        StepError: if the last attempt fails, or an expression has no value.
        StoppedError: if the execution is stopped, or the emulator shuts down.
    """
    resource = StepResource(run)
    if run.resumed and _continue(run, resource):
        return
    for retries in itertools.count():
        name = resource.new_name()
        arguments = resource.arguments(name)
        if retries == 0 and reuse_result(run, arguments):
            return
        if retries or run.resumed:  # a new record has the first attempt
            run.progress.update(AttemptCount=retries + 1)
        try:
            properties = resource.wait(resource.create(name, arguments))
        except AttemptError as error:
            wait = delay(run.step.retries, error.exception, retries, time.time() - run.began)
            if wait is None:
                raise StepError(str(error)) from error
            run.log(f"{run.step.name}: {error}; attempt {retries + 2} in {wait:g} s")
            run.sleep(wait)
        else:
            run.progress.finish("Succeeded", Properties=properties)
            keep_result(run, arguments)
            return


def _continue(run: StepRun, resource: StepResource) -> bool:
    """Wait for the resource that an earlier process created; return False to run the step again."""
    name = run.progress.record().get("Resource")
    if not name:
        return False
    try:
        properties = resource.wait(name)
    except (AttemptError, ApiError) as error:
        if isinstance(error, AttemptError) and not str(error).startswith(_INTERRUPTED):
            raise StepError(str(error)) from error
        run.log(f"{run.step.name}: was interrupted ({error}); it runs again")
        return False
    run.progress.finish("Succeeded", Properties=properties)
    keep_result(run, resource.arguments(name))
    return True
