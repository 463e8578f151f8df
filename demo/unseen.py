"""Put one image of an execution's test split into .tally/unseen/ and print its path.

The model never saw it in training; the folder it lies in is its true count.
The execution is named by the first argument; else it is the latest.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipelines import NAME
from pipelines.executions import execution
from pipelines.target import open_target

if TYPE_CHECKING:
    import boto3


def fetch(session: "boto3.Session", which: str | None, folder: Path) -> Path:
    """Ask where Prepare put the test images, and fetch the first of a middling count.

    Args:
        session: The target's session.
        which: The execution as every verb takes it; None: the latest.
        folder: Where the image is put: at COUNT/NAME.jpg below it.

    Raises:
        ExecutionError: There is no such execution.
    """
    client, s3 = session.client("sagemaker"), session.client("s3")
    run = execution.describe(client, execution.resolve(client, NAME, which))
    job = client.describe_processing_job(ProcessingJobName=run.step("Prepare").job)
    outputs = {
        o["OutputName"]: o["S3Output"]["S3Uri"] for o in job["ProcessingOutputConfig"]["Outputs"]
    }
    place = urlsplit(outputs["test"])
    listed = s3.list_objects_v2(Bucket=place.netloc, Prefix=place.path.lstrip("/") + "/")
    keys = sorted(entry["Key"] for entry in listed["Contents"])
    key = keys[len(keys) // 2]
    file = folder.joinpath(*key.split("/")[-2:])
    file.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(place.netloc, key, str(file))
    return file


if __name__ == "__main__":
    session, _ = open_target("local")
    named = sys.argv[1] if len(sys.argv) > 1 else None
    print(fetch(session, named, Path(".tally/unseen")))
