"""Requests for work that nothing here does, refused by name with the way out.

moto accepts a Glue job, an EMR step or an Athena query and reports a success of which nothing ran;
a pipeline that waits for one would go on with outputs that do not exist. What only describes such
work (clusters, job definitions, workgroups) stays moto's.
"""

from sagemaker_emulator.aws import protocol
from sagemaker_emulator.errors import ApiError

_PROCESSING = (
    "Run the script in a SageMaker processing job whose image folder has the packages that it "
    "needs (pyspark for Spark), or call it from a Lambda function"
)
_CODE = "Run the command in a SageMaker processing job or a Lambda function"
_QUERY = "Read the data from S3 in a processing job, for example with DuckDB or pandas"
_FLOW = "Start a SageMaker pipeline, or a Lambda function that makes the calls one after the other"
_MODEL = "Call a model of your own from a Lambda function or a SageMaker endpoint"
# By the service's name in signatures: the operations, and what to do instead.
_REFUSED: dict[str, tuple[frozenset[str], str]] = {
    "elasticmapreduce": (frozenset({"RunJobFlow", "AddJobFlowSteps"}), _PROCESSING),
    "emr-containers": (frozenset({"StartJobRun"}), _PROCESSING),
    "emr-serverless": (frozenset({"StartJobRun"}), _PROCESSING),
    "glue": (
        frozenset(
            {
                *("StartJobRun", "StartWorkflowRun", "StartTrigger", "StartBlueprintRun"),
                *(
                    "StartCrawler",
                    "StartDataQualityRulesetEvaluationRun",
                    "StartMLEvaluationTaskRun",
                ),
                *("CreateSession", "RunStatement"),
            }
        ),
        _PROCESSING,
    ),
    "batch": (frozenset({"SubmitJob"}), _CODE),
    "codebuild": (frozenset({"StartBuild", "StartBuildBatch"}), _CODE),
    "ecs": (frozenset({"RunTask", "StartTask"}), _CODE),
    "ssm": (frozenset({"SendCommand", "StartAutomationExecution"}), _CODE),
    "athena": (frozenset({"StartQueryExecution", "StartSession"}), _QUERY),
    "redshift-data": (frozenset({"ExecuteStatement", "BatchExecuteStatement"}), _QUERY),
    "states": (frozenset({"StartExecution", "StartSyncExecution"}), _FLOW),
    "transcribe": (frozenset({"StartTranscriptionJob"}), _MODEL),
    "textract": (frozenset({"StartDocumentTextDetection", "DetectDocumentText"}), _MODEL),
    "rekognition": (frozenset({"DetectLabels", "DetectText", "CompareFaces"}), _MODEL),
    "comprehend": (
        frozenset({"DetectSentiment", "DetectKeyPhrases", "DetectPiiEntities"}),
        _MODEL,
    ),
}
# botocore's models, beside SageMaker's own, of what is signed for `sagemaker`.
_BESIDE_SAGEMAKER = {
    "sagemaker-featurestore-runtime": (
        "There are no feature groups here: keep the records in S3 or DynamoDB"
    ),
    "sagemaker-a2i-runtime": "There are no human loops here: use a pipeline's Callback step",
    "sagemaker-edge": "There are no device fleets here",
}


def refuse(service: str, target: str, method: str, path: str, query: str) -> None:
    """Refuse a request that would start work which nothing here does.

    Args:
        service: its name in the request's signature.
        target: the operation that its `X-Amz-Target` names; "" where it has none.
        method: of the HTTP request.
        path: of the HTTP request.
        query: of the HTTP request, without the question mark.

    Raises:
        ApiError: `UnknownOperationException`, with what to do instead.
    """
    if service not in _REFUSED:
        return
    names, instead = _REFUSED[service]
    operation = target or protocol.rest_operation(service, method, path, query)
    if operation in names:
        raise _refusal(service, operation, instead)


def refusal_beside_sagemaker(method: str, path: str, query: str) -> ApiError:
    """The refusal of a request of a service beside SageMaker's own, as of its feature store.

    Args:
        method: of the HTTP request.
        path: of the HTTP request.
        query: of the HTTP request, without the question mark.
    """
    for service, instead in _BESIDE_SAGEMAKER.items():
        if name := protocol.rest_operation(service, method, path, query):
            return _refusal(service, name, instead)
    return ApiError("UnknownOperationException", f"nothing responds to {method} {path} here", 404)


def _refusal(service: str, operation: str, instead: str) -> ApiError:
    message = f"The emulator does not run {service} {operation}. {instead}."
    return ApiError("UnknownOperationException", message)
