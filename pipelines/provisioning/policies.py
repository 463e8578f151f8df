"""The permissions of the two roles around the pipeline, each no wider than what it does.

`setup` creates the roles with these; `infrastructure/tally.yaml` says the same in CloudFormation,
and a test holds the two together.
"""

from typing import Any

from pipelines import NAME
from pipelines.settings.model import Settings

Document = dict[str, Any]
EXECUTION_SERVICES = ["sagemaker.amazonaws.com"]
PROMOTION_SERVICES = ["lambda.amazonaws.com"]
# Where jobs write, in the bucket's folder `tally`. Code and data are put there by people.
WRITTEN = ("executions", "checkpoints", "scores", "debugger", "profiler")
PUBLIC_BINS = "arn:aws:s3:::aft-vbi-pds"


def trust(services: list[str]) -> Document:
    """Who may take a role on: these AWS services."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": services},
                "Action": "sts:AssumeRole",
            }
        ],
    }


def execution(settings: Settings) -> Document:
    """What the pipeline and its jobs do."""
    bucket = f"arn:aws:s3:::{settings.bucket_name}"
    place = f"{settings.region}:{settings.account_id}"
    registry = [
        f"arn:aws:sagemaker:{place}:model-package-group/{NAME}",
        f"arn:aws:sagemaker:{place}:model-package/{NAME}/*",
    ]
    return _document(
        _allow("ReadBucket", ["s3:GetObject"], [f"{bucket}/*"]),
        _allow(
            "WriteBucket",
            ["s3:PutObject", "s3:AbortMultipartUpload"],
            [f"{bucket}/{NAME}/{folder}/*" for folder in WRITTEN],
        ),
        _allow("BucketList", ["s3:ListBucket", "s3:GetBucketLocation"], [bucket]),
        _allow("PublicBins", ["s3:GetObject", "s3:ListBucket"], [PUBLIC_BINS, f"{PUBLIC_BINS}/*"]),
        _allow(
            "Images",
            [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            [f"arn:aws:ecr:{place}:repository/{NAME}-*"],
        ),
        _allow("ImageLogin", ["ecr:GetAuthorizationToken"], ["*"]),
        _allow(
            "Jobs",
            [
                "sagemaker:AddTags",
                "sagemaker:CreateHyperParameterTuningJob",
                "sagemaker:CreateProcessingJob",
                "sagemaker:CreateTrainingJob",
                "sagemaker:DescribeHyperParameterTuningJob",
                "sagemaker:DescribeProcessingJob",
                "sagemaker:DescribeTrainingJob",
                "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
                "sagemaker:StopHyperParameterTuningJob",
                "sagemaker:StopProcessingJob",
                "sagemaker:StopTrainingJob",
            ],
            [
                f"arn:aws:sagemaker:{place}:hyper-parameter-tuning-job/*",
                f"arn:aws:sagemaker:{place}:processing-job/*",
                f"arn:aws:sagemaker:{place}:training-job/*",
            ],
        ),
        _allow(
            "Registry",
            [
                "sagemaker:AddTags",
                "sagemaker:CreateModelPackageGroup",
                "sagemaker:DescribeModelPackage",
                "sagemaker:DescribeModelPackageGroup",
            ],
            registry,
        ),
        # Whoever may start the pipeline chooses the status, among what whoever runs `setup` allows.
        _allow("Register", ["sagemaker:CreateModelPackage"], registry)
        | _only("sagemaker:ModelApprovalStatus", list(settings.initial_statuses)),
        _allow(
            "Experiments",
            [
                "sagemaker:AddTags",
                "sagemaker:AssociateTrialComponent",
                "sagemaker:CreateExperiment",
                "sagemaker:CreateTrial",
                "sagemaker:CreateTrialComponent",
                "sagemaker:DescribeExperiment",
                "sagemaker:DescribeTrial",
                "sagemaker:DescribeTrialComponent",
                "sagemaker:UpdateTrialComponent",
            ],
            [
                f"arn:aws:sagemaker:{place}:experiment/*",
                f"arn:aws:sagemaker:{place}:experiment-trial/*",
                f"arn:aws:sagemaker:{place}:experiment-trial-component/*",
            ],
        ),
        _allow(
            "Promote",
            ["lambda:InvokeFunction"],
            [f"arn:aws:lambda:{place}:function:{NAME}-promote"],
        ),
        _allow(
            "Logs",
            [
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:DescribeLogStreams",
                "logs:PutLogEvents",
            ],
            [f"arn:aws:logs:{place}:log-group:/aws/sagemaker/*"],
        ),
        _allow("Metrics", ["cloudwatch:PutMetricData"], ["*"]),
        _pass_role(settings),
    )


def promotion(settings: Settings) -> Document:
    """What the Lambda function `tally-promote` does."""
    place = f"{settings.region}:{settings.account_id}"
    return _document(
        _allow(
            "Registry",
            # A model made of a version may be asked of the version, too, as it is across accounts.
            [
                "sagemaker:CreateModel",
                "sagemaker:DescribeModelPackage",
                "sagemaker:ListModelPackages",
            ],
            [
                f"arn:aws:sagemaker:{place}:model-package-group/{NAME}",
                f"arn:aws:sagemaker:{place}:model-package/{NAME}/*",
            ],
        ),
        _allow(
            "Endpoint",
            [
                "sagemaker:AddTags",
                "sagemaker:CreateEndpoint",
                "sagemaker:CreateEndpointConfig",
                "sagemaker:CreateModel",
                "sagemaker:DeleteEndpoint",
                "sagemaker:DescribeEndpoint",
                "sagemaker:UpdateEndpoint",
            ],
            # The names that settings and parameters allow; others are other people's endpoints.
            [
                f"arn:aws:sagemaker:{place}:endpoint/{NAME}",
                f"arn:aws:sagemaker:{place}:endpoint/{NAME}-*",
                f"arn:aws:sagemaker:{place}:endpoint-config/{NAME}-*",
                f"arn:aws:sagemaker:{place}:model/{NAME}-*",
            ],
        ),
        _allow(
            "ReadSettings",
            ["sagemaker:DescribeEndpointConfig", "sagemaker:DescribeModel", "sagemaker:ListTags"],
            # Somebody may have given the endpoint a configuration of another name; it is kept.
            [
                f"arn:aws:sagemaker:{place}:endpoint-config/*",
                f"arn:aws:sagemaker:{place}:model/*",
            ],
        ),
        _allow(
            "Logs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            [f"arn:aws:logs:{place}:log-group:/aws/lambda/{NAME}-promote*"],
        ),
        _pass_role(settings),
    )


def _document(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(name: str, actions: list[str], resources: list[str]) -> Document:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resources}


def _only(key: str, values: list[str]) -> Document:
    return {"Condition": {"StringEquals": {key: values}}}


def _pass_role(settings: Settings) -> Document:
    """A job or an endpoint is started with the execution role, and with no other."""
    statement = _allow("PassRole", ["iam:PassRole"], [settings.role_arn])
    return statement | _only("iam:PassedToService", EXECUTION_SERVICES)
