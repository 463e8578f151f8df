"""Create the pipeline that watches the endpoint, or update it to the code and settings here."""

from typing import TYPE_CHECKING

from pipelines.provisioning import definition_cache, upsert, watching
from pipelines.settings.model import Settings
from pipelines.upload.code import WATCH_CONTENTS, bundles

if TYPE_CHECKING:
    import boto3


def put_pipeline(session: "boto3.Session", settings: Settings) -> tuple[str, str]:
    """Create or update the pipeline; return its ARN and what happened to it.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        CompileError: The definition does not compile.
        UpsertError: SageMaker refuses it.
    """
    code = bundles(contents=WATCH_CONTENTS)
    text = definition_cache.definition(settings, code, definition_cache.WATCH)
    with upsert.explained(settings):
        watching.markers(session, settings)
        for bundle in code.values():
            bundle.upload(session, settings)
        return upsert.put(session, settings, settings.watch_name, watching.DESCRIPTION, text)
