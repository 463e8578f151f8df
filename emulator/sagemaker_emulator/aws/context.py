"""The server as an operation sees it: where things are, and the services it may call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_emulator.aws import dispatch, ports, serving_ports
from sagemaker_emulator.containers.runtime import Runtime
from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.storage.s3 import S3
from sagemaker_emulator.storage.store import Store

# Of the SageMaker SDK; where it is not set, a file in /etc is read.
SDK_DEFAULTS = "SAGEMAKER_ADMIN_CONFIG_OVERRIDE"


@dataclass(eq=False)
class Context:
    """One server. `serve.connect` gives it its services.

    Attributes:
        state: the folder that holds everything, without links in its path.
        images: the folder that holds a folder for each container image.
        url: where the API listens.
        s3_url: where S3 listens.
        credentials: the key pair that requests are signed with.
        stopping: whether the server is about to end, so that no response goes on for ever.
    """

    state: Path
    images: Path
    url: str
    s3_url: str
    store: Store
    s3: S3
    credentials: Credentials
    account: str = "123456789012"
    region: str = "us-east-1"
    stopping: Callable[[], bool] = lambda: False
    containers: Runtime = field(init=False)
    calls: ports.Calls = field(init=False)
    logs: ports.Logs = field(init=False)
    metrics: ports.Metrics = field(init=False)
    alarms: ports.Alarms = field(init=False)
    events: ports.Events = field(init=False)
    functions: ports.Functions = field(init=False)
    source_mappings: ports.SourceMappings = field(init=False)
    clock: ports.Clock = field(init=False)
    deliveries: ports.Deliveries = field(init=False)
    moto: ports.Moto = field(init=False)
    jobs: ports.Jobs = field(init=False)
    endpoints: serving_ports.Endpoints = field(init=False)
    captures: serving_ports.Captures = field(init=False)
    async_invocations: serving_ports.AsyncInvocations = field(init=False)
    scaling: serving_ports.Scaling = field(init=False)
    tuning: ports.Tuning = field(init=False)
    executions: ports.Executions = field(init=False)
    stacks: ports.Stacks = field(init=False)

    @property
    def client_environment(self) -> dict[str, str]:
        """The variables that point any AWS client here; jobs and Lambda functions get them too."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.s3_url,
            **self.credentials.environment,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            SDK_DEFAULTS: str(self.sdk_defaults),
        }

    @property
    def sdk_defaults(self) -> Path:
        """The SageMaker SDK's configuration for this server, written when it starts.

        Without a default bucket the SDK asks AWS's own STS, at an address that cannot be changed,
        for the account; and it would report every call to AWS.
        """
        return self.state / "sagemaker.json"

    @property
    def tracking_uri(self) -> str:
        """The MLflow store that jobs get, in place of AWS's managed MLflow."""
        return f"sqlite:///{self.state / 'mlflow.db'}"

    def tracking_variables(self, own: Mapping[str, str]) -> dict[str, str]:
        """The variables with which a job tracks in the emulator's store, and keeps artifacts.

        MLflow reads the root of artifacts from a variable that its server sets, also where it uses
        the database itself (`mlflow/tracking/_tracking_service/utils.py`; tried with 3.17.2). It
        is kept with each experiment when that is made. Without it, artifacts go to `mlruns` where
        the job started, and are lost with it.

        Args:
            own: The variables of the job's request.

        Returns:
            Nothing if the job has another store, or cannot see the files of this machine.
        """
        store = own.get("MLFLOW_TRACKING_URI", self.tracking_uri)
        if store != self.tracking_uri or not self.containers.sandbox.shares_files:
            return {}
        artifacts = (self.state / "mlruns").as_uri()
        return {"MLFLOW_TRACKING_URI": store, "_MLFLOW_SERVER_ARTIFACT_ROOT": artifacts}

    def arn(self, resource: str, name: str, service: str = "sagemaker") -> str:
        """The ARN of a resource: `arn("processing-job", name)`."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}/{name}"

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call a SageMaker operation as a client would, without the HTTP.

        Raises:
            ApiError: What the client would have seen.
        """
        return dispatch.call(self, "sagemaker", operation, request)
