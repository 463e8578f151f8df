"""An endpoint that is updated by a canary, with an alarm on its errors."""

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError
from emulator_process import Emulator
from endpoint_client import Hosting
from waiting import wait_until


class Guarded:
    """An endpoint with a model that answers "old", and an alarm on its errors.

    Attributes:
        name: of the endpoint, its configuration and its alarm.
    """

    def __init__(self, emulator: Emulator, until: Callable[..., Any], name: str) -> None:
        self.emulator, self.name = emulator, name
        self.hosting = Hosting(emulator, until)
        self.cloudwatch = emulator.client("cloudwatch")
        self.runtime = emulator.client("sagemaker-runtime")
        self.sagemaker = self.hosting.sagemaker
        self.config(name, "old")
        made = self.hosting.endpoint(name)
        assert made["EndpointStatus"] == "InService", made
        self.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SageMaker",
            MetricName="Invocation5XXErrors",
            Dimensions=[
                {"Name": "EndpointName", "Value": name},
                {"Name": "VariantName", "Value": "v"},
            ],
            Statistic="Sum",
            Period=10,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )

    def config(self, name: str, word: str) -> None:
        self.hosting.model(name, word=word)
        self.hosting.config(name, v=name)

    def update(self, word: str, percent: int, bake: int, last: int = 0, **members: Any) -> str:
        """Begin an update to a model that answers a word, by a canary; the new configuration."""
        config = f"{self.name}-{word}"
        self.config(config, word)
        routing = {
            "Type": "CANARY",
            "WaitIntervalInSeconds": bake,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": percent},
        }
        policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": last}
        rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": self.name}]}}
        self.sagemaker.update_endpoint(
            EndpointName=self.name,
            EndpointConfigName=config,
            DeploymentConfig={"BlueGreenUpdatePolicy": policy, **rollback},
            **members,
        )
        return config

    def described(self) -> Any:
        return self.sagemaker.describe_endpoint(EndpointName=self.name)

    def stage(self) -> str | None:
        """The VariantStatus of the update under way; None where there is none."""
        pending = self.described().get("PendingDeploymentSummary")
        return pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] if pending else None

    def ask(self) -> str:
        """What the endpoint's model answers: its word, or the error's code."""
        try:
            answer = self.runtime.invoke_endpoint(EndpointName=self.name, Body=b"hello")
        except ClientError as problem:
            return str(problem.response["Error"]["Code"])
        return str(json.loads(answer["Body"].read())["word"])

    @contextlib.contextmanager
    def requests(self) -> Iterator[Counter[str]]:
        """A steady stream of requests; what they were answered, and how often."""
        answers: Counter[str] = Counter()
        done = threading.Event()

        def send() -> None:
            while not done.wait(0.05):
                answers[self.ask()] += 1

        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield answers
        finally:
            done.set()
            thread.join()

    def set_alarm(self, state: str) -> None:
        self.cloudwatch.set_alarm_state(AlarmName=self.name, StateValue=state, StateReason="a test")

    def settled(self, seconds: float = 60) -> Any:
        wait_until(lambda: self.described()["EndpointStatus"] != "Updating", seconds)
        return self.described()

    def delete(self) -> None:
        self.settled()
        self.sagemaker.delete_endpoint(EndpointName=self.name)
        self.cloudwatch.delete_alarms(AlarmNames=[self.name])
