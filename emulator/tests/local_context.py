"""A server's context in the test's own process: every service, no HTTP."""

import sys
from pathlib import Path

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.serve import connect
from sagemaker_emulator.storage.s3 import S3
from sagemaker_emulator.storage.store import Store

IMAGES = Path(__file__).parent / "images"
NOWHERE = "http://127.0.0.1:9"


def _empty_moto() -> None:
    """Forget what an earlier context of this process left: each server's process has a moto."""
    if "moto" not in sys.modules:
        return
    from moto.iam.models import iam_backends
    from moto.sns.models import sns_backends
    from moto.sqs.models import sqs_backends
    from moto.sts.models import sts_backends

    for backends in (iam_backends, sns_backends, sqs_backends, sts_backends):
        backends.reset()


def local_context(state: Path, store: Store | None = None, images: Path = IMAGES) -> Context:
    """A context whose services are connected, not started, over an empty moto."""
    _empty_moto()
    state.mkdir(parents=True, exist_ok=True)
    credentials = Credentials.of(state)
    store = store or Store(state / "emulator.db")
    context = Context(
        state, images, NOWHERE, NOWHERE, store, S3(state / "s3", NOWHERE), credentials
    )
    connect(context, "relocate")
    return context
