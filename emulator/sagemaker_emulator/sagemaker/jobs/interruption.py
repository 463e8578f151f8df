"""The interruption of a managed spot training job, which somebody asks for.

AWS has no operation for it: it takes the instances away when it needs them. Here a signed POST to
an address of the emulator's own does it, as `sagemaker-emulator interrupt JOB` sends it.
"""

import re
from urllib.parse import unquote

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.jobs.documents import get
from sagemaker_emulator.sagemaker.jobs.kinds import TRAINING

PATH = "/_emulator/training-jobs/{}/interrupt"
_PATH = re.compile(PATH.format(r"([A-Za-z0-9-]+)"))


def respond(context: Context, method: str, path: str) -> HttpResponse | None:
    """Interrupt the job of a path; None where the path is of something else.

    The caller has checked the key.

    Raises:
        ApiError: There is no such job, or it cannot be interrupted now.
    """
    match = _PATH.fullmatch(unquote(path)) if method == "POST" else None
    if match is None:
        return None
    interrupt(context, match[1])
    return HttpResponse(200, {"content-type": "application/json"}, b"{}")


def interrupt(context: Context, name: str) -> None:
    """Take a training job's instances away; it starts again from its checkpoints.

    Raises:
        ApiError: There is no such job, it has no spot instances, or it is not training.
    """
    document = get(context, TRAINING, name)
    if not document["Request"].get("EnableManagedSpotTraining"):
        raise invalid(
            f"The training job {name} has no spot instances that could be interrupted: create it "
            "with EnableManagedSpotTraining: true, and with CheckpointConfig to continue from."
        )
    status = document["SecondaryStatus"]
    if status != "Training":
        raise invalid(f"The training job {name} is {status}; it can be interrupted while Training.")
    context.jobs.interrupt_job(name)
