"""Download one image of an execution's test split to .tally/unseen/, and print its path.

The model was not trained on it; the name of its folder is the true count.
The first argument names the execution; by default it is the latest.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipelines.executions import execution, lookup
from pipelines.target import open_target

if TYPE_CHECKING:
    import boto3


def fetch(session: "boto3.Session", pipeline: str, which: str | None, folder: Path) -> Path:
    """Download the middle one of an execution's test images, in the order of counts and ids.

    Args:
        session: The target's session.
        pipeline: The name of the pipeline.
        which: The execution, as every command takes it; None for the latest.
        folder: Where to put the image, as COUNT/NAME.jpg.

    Returns:
        The path of the image.

    Raises:
        ExecutionError: There is no such execution.
    """
    client, s3 = session.client("sagemaker"), session.client("s3")
    run = execution.describe(client, lookup.resolve(client, pipeline, which))
    job = client.describe_processing_job(ProcessingJobName=run.step("Prepare").job)
    outputs = {
        o["OutputName"]: o["S3Output"]["S3Uri"] for o in job["ProcessingOutputConfig"]["Outputs"]
    }
    url = urlsplit(outputs["test"])
    listing = s3.list_objects_v2(Bucket=url.netloc, Prefix=url.path.lstrip("/") + "/")
    keys = sorted(key for entry in listing["Contents"] if (key := entry["Key"]).endswith(".jpg"))
    key = keys[len(keys) // 2]
    file = folder.joinpath(*key.split("/")[-2:])
    file.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(url.netloc, key, str(file))
    return file


if __name__ == "__main__":
    session, settings = open_target("local")
    name = sys.argv[1] if len(sys.argv) > 1 else None
    print(fetch(session, settings.name, name, Path(".tally/unseen")))
