"""The chain as a SageMaker pipeline, written with SageMaker's SDK (version 2).

Processing steps or `@step` functions, by what answers AWS's API; or processing steps in the SDK's
local mode, which runs each in a container of this machine's engine and needs S3 from that API.
"""

import argparse
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.workflow.function_step import step
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import LocalPipelineSession, PipelineSession
from sagemaker.workflow.steps import ProcessingStep

ROLE = "arn:aws:iam::123456789012:role/benchmark"
INSTANCE = "ml.m5.large"
CODE = Path(__file__).with_name("add_time.py")
FOLDER = "/opt/ml/processing"


def main() -> None:
    """Run the chain."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["processing", "functions", "local"])
    parser.add_argument("--image", required=True, help="of the steps")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--times", type=Path, required=True)
    arguments = parser.parse_args()
    session = LocalPipelineSession() if arguments.kind == "local" else PipelineSession()
    name = f"chain-{time.time_ns()}"
    prefix = f"s3://{session.default_bucket()}/{name}"
    if arguments.kind == "functions":
        steps = functions(arguments.image, arguments.steps, f"{prefix}/times.json")
    else:
        steps = processing(session, arguments.image, arguments.steps, prefix)
    pipeline = Pipeline(name, steps=steps, sagemaker_session=session)
    pipeline.create(ROLE)
    execution = pipeline.start()
    if arguments.kind != "local":  # there, start returns at the end
        while (status := execution.describe()["PipelineExecutionStatus"]) == "Executing":
            time.sleep(0.2)
        if status != "Succeeded":
            raise SystemExit(f"the execution is {status}: {execution.list_steps()[0]}")
    place = urlsplit(f"{prefix}/times.json")
    s3 = boto3.client("s3")
    content = s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
    arguments.times.write_bytes(content)


def processing(
    session: PipelineSession, image: str, count: int, prefix: str
) -> list[ProcessingStep]:
    """Steps that read the file of times of the one before from S3; the last writes to `prefix`."""
    processor = ScriptProcessor(
        role=ROLE,
        image_uri=image,
        command=["python"],
        instance_count=1,
        instance_type="local" if isinstance(session, LocalPipelineSession) else INSTANCE,
        sagemaker_session=session,
    )
    steps: list[ProcessingStep] = []
    for number in range(count):
        inputs = []
        if steps:
            outputs = steps[-1].properties.ProcessingOutputConfig.Outputs
            inputs = [ProcessingInput(outputs["times"].S3Output.S3Uri, f"{FOLDER}/in")]
        target = prefix if number == count - 1 else f"{prefix}/{number}"
        output = ProcessingOutput(f"{FOLDER}/out", target, "times")
        files = [f"{FOLDER}/in/times.json", f"{FOLDER}/out/times.json"]
        run = processor.run(str(CODE), inputs=inputs, outputs=[output], arguments=files)
        steps.append(ProcessingStep(f"Step{number}", step_args=run))
    return steps


def functions(image: str, count: int, target: str) -> list[object]:
    """The last of the functions, which brings those before it: the SDK keeps what each returns."""

    @step(image_uri=image, instance_type=INSTANCE, role=ROLE)
    def add_time(times: list[float]) -> list[float]:
        return [*times, time.time()]

    @step(image_uri=image, instance_type=INSTANCE, role=ROLE)
    def write(times: list[float]) -> None:
        place = urlsplit(target)
        body = json.dumps(times)
        boto3.client("s3").put_object(Bucket=place.netloc, Key=place.path.lstrip("/"), Body=body)

    times = add_time([])
    for _ in range(count - 1):
        times = add_time(times)
    return [write(times)]


if __name__ == "__main__":
    main()
