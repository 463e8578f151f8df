"""Work that moto would report as done though nothing ran: refused by name, with the way out."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator

CLUSTER = {"MasterInstanceType": "m5.xlarge", "InstanceCount": 1}
SCRIPT = {"sparkSubmit": {"entryPoint": "s3://bucket/a.py"}}


@pytest.mark.parametrize(
    "service, operation, request_, refused",
    [
        ("emr", "run_job_flow", {"Name": "x", "Instances": CLUSTER}, "RunJobFlow. Run the script"),
        (
            "emr-serverless",
            "start_job_run",
            {
                "applicationId": "a",
                "clientToken": "t",
                "executionRoleArn": "arn:aws:iam::123456789012:role/emulator",
                "jobDriver": SCRIPT,
            },
            "emr-serverless StartJobRun. Run the script",
        ),
        ("glue", "start_job_run", {"JobName": "x"}, "glue StartJobRun. Run the script"),
        (
            "batch",
            "submit_job",
            {"jobName": "x", "jobQueue": "x", "jobDefinition": "x"},
            "batch SubmitJob. Run the command",
        ),
        ("athena", "start_query_execution", {"QueryString": "SELECT 1"}, "StartQueryExecution"),
        (
            "sagemaker-featurestore-runtime",
            "get_record",
            {"FeatureGroupName": "x", "RecordIdentifierValueAsString": "1"},
            "featurestore-runtime GetRecord. There are no feature groups here: keep the records",
        ),
    ],
)
def test_work_that_nothing_would_do_is_refused(
    emulator: Emulator, service: str, operation: str, request_: dict[str, Any], refused: str
) -> None:
    with pytest.raises(ClientError, match=f"UnknownOperationException.*{refused}"):
        getattr(emulator.client(service), operation)(**request_)


def test_what_only_describes_work_stays_motos(emulator: Emulator, name: str) -> None:
    glue = emulator.client("glue")
    glue.create_job(Name=name, Role="role", Command={"Name": "glueetl"})
    assert glue.get_job(JobName=name)["Job"]["Command"]["Name"] == "glueetl"
