"""Put one image of an execution's test split into .tally/unseen/ and print its path.

The model never saw it in training; the folder it lies in is its true count.
The execution is named by the first argument; else it is the latest.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.executions import execution
from pipelines.settings import NAME
from pipelines.target import open_target


def main() -> None:
    """Ask where Prepare put the test images, and fetch the first of a middling count."""
    session, _ = open_target("local")
    client, s3 = session.client("sagemaker"), session.client("s3")
    run = execution.describe(client, execution.resolve(client, NAME, *sys.argv[1:]))
    job = client.describe_processing_job(ProcessingJobName=run.step("Prepare").job)
    outputs = {
        o["OutputName"]: o["S3Output"]["S3Uri"] for o in job["ProcessingOutputConfig"]["Outputs"]
    }
    place = urlsplit(outputs["test"])
    listed = s3.list_objects_v2(Bucket=place.netloc, Prefix=place.path.lstrip("/") + "/")
    keys = sorted(entry["Key"] for entry in listed["Contents"])
    key = keys[len(keys) // 2]
    file = Path(".tally/unseen", *key.split("/")[-2:])
    file.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(place.netloc, key, str(file))
    print(file)


if __name__ == "__main__":
    main()
